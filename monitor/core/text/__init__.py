"""Texts for people: summaries, mails and pages, links, advice."""
