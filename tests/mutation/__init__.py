"""The mutation check: breaks the product in one place at a time, and sees whether a test notices.

    python -m tests.mutation                  the sample: every check, and some of the rest; or make mutation
    python -m tests.mutation sql              the database objects alone; or python
    python -m tests.mutation --only guard     the files whose path holds the word
    python -m tests.mutation --all            every mutant instead of a sample: a night
    python -m tests.mutation --list           what would be broken

Python is broken by the operators of cosmic-ray (extra ``mutation``), and by our own: a statement or a handler left out,
nothing returned, the SQL of a string broken. Database objects, one file each, are broken by ``sql_mutants``. Each
mutant lives in a copy of the tree, in a temporary folder; the tests that ``covering`` names for the file run on servers
that go on running from one mutant to the next, and the first failure ends the run. In the end the tests that noticed
something run where nothing is broken: one that fails there has noticed nothing. Every verdict is a line of JSON in a
file, so an interrupted check goes on where it was, and what survived is tried again.
"""
