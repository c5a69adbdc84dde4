"""Rules of the budget: whose poll is due, and when a request may be sent."""
