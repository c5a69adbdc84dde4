"""Rules of the budget: which poll is due, and when a request may be sent."""
