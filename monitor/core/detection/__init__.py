"""Rules of detection: what the difference between two last known states means, and what is overdue or unreachable."""
