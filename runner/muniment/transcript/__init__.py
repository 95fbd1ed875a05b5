"""Chat transcripts into the ledger, and the ledger to look at."""
