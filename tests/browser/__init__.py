"""The pages in a real browser: journeys of a person on call, accessibility, and what comes from outside."""
