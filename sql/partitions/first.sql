SELECT slate.add_partitions(1);
