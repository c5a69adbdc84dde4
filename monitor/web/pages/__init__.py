"""The pages for people, escaped by construction (`html.py`)."""
