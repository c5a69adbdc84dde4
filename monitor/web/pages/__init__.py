"""The pages for people.

The rule of this folder: a page is a model (`models/`: a frozen value, made by a function from the `Snapshot`), a
template (`templates/`), and a line in `site.py`. A model has no markup, no text of a moment relative to now, and
nothing that changes without a change of what is shown: its hash is the ETag of each fragment. A template has no
decisions beyond loops and choices, and escapes everything. Style and script are files of our own (`static/`): there is
no inline style or script, and no request to another host.

Read `site.py` (every page), `snapshot.py`, `models/overview.py` with `templates/overview.html`, `templating.py`,
`static_files.py`.
"""
