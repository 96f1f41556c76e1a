"""The journal of reviews: one SQLite file of events that is only ever added to. Its format: docs/review_journal.md."""
