"""What the documents are made from: pages and man pages that are generated, and what checks them. Not shipped."""
