"""Rules of alerts and deliveries: what becomes one incident, who gets what, what is sent next and when again."""
