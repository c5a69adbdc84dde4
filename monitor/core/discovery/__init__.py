"""Finds the instances of whole definitions, and their ends, by lists: the pure core of the sweep.

Input: the content of lists and their errors, and which windows of start time were requested for which statuses, and
when. Not input: the time and the caller of a look, the last known state beyond status and times, and the receivers.

The rules:

1.  An end on a row is true, with its time. Everything else on a list is a hint, which may cause a status look. An
    absence from a list is never an event.
2.  A page with fewer rows than its limit shows its whole window. A full one is cut at its smallest start time; `offset`
    is used only if more instances than the limit have one start time.
    The order of a list may be that of creation, and a full page then hides what was created earlier and started later.
    Until a page was in order by start time alone, a part of a window counts only if a short page has shown it.
3.  Neighbouring windows overlap in their requests, but not in their counts, so that neither reading of a bound loses
    a row or counts it twice.
4.  A window that ended longer ago than the lists' lag is settled: no instance joins it any more. It is closed for ever
    once no instance in it lives and two looks at all of it show nothing new.
5.  The statuses that are requested for a window depend on its last answers: the fewest requests win.

The sweep of one version: `begin` once; then repeatedly one of `looks`, walked by a `Walk` from `request` to `take`; for
each page `of_rows`, and `of_absence` for running instances within its span that are not in the walk's `rows`; after the
walk `answered`. A sweep is stored then; a walk never is.

Read `cohorts.py` first, then `list_looks.py` (the next requests), `walk.py` (from page to page), `answers.py` (the
effect of an answer), `findings.py` (the effect on an instance). `running.py`, `storm.py`, `following.py` and
`starts.py` stand alone.
"""
