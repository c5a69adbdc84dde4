"""What people read: summaries, mails and pages, links, advice."""
