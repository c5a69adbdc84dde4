"""Rules of detection: events from the difference of two last known states; overdue and unreachable targets."""
