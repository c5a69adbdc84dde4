"""Rules of alerts and deliveries: grouping into incidents, routing, order of deliveries, retries."""
