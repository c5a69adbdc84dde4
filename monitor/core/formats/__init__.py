"""Small formats, each with its grammar: ids, URLs, timestamps, durations, HTTP dates; foreign text made harmless."""
