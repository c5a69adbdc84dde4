"""Rules of the budget: whose turn it is, what to look at next, and when a request may be sent."""
