"""Finds the instances of whole definitions, and their ends, by lists: the pure core of the sweep.

What must be known here: what lists show and how they err, which windows of start time were asked for what, and when.
What must not be known here: when a look is made, who makes it, what is believed beyond status and times, who is told.

The law:

1.  The end that a row tells is true, with its time. Everything else in a list is a hint, which may cause a status look.
    What a list fails to say is never an event.
2.  A page with fewer rows than its limit shows its whole window. A full one is cut at its smallest start time; `offset`
    is used only if more instances than the limit have one start time.
3.  Neighbouring windows overlap in what they ask for and not in what they count, so neither reading of a bound loses
    a row or shows it twice.
4.  A window that lies in the past by more than the lists' lag is settled: nobody joins it any more. It is closed for
    ever once nothing lives in it and two looks at all of it show nothing new.
5.  Which statuses a window is asked for depends on what its last answers showed: the fewest requests win.

One version is swept so: `begin` once; then again and again one of `looks`, walked by a `Walk` from `request` to `take`;
of each page `of_rows`, and `of_absence` of whoever lives within its span and is not in the walk's `rows`; when the walk
has ended `answered`. A sweep is stored after that; a walk never is.

Read `cohorts.py` first, then `list_looks.py` (what is asked next), `walk.py` (from page to page), `answers.py` (what an
answer changes), `findings.py` (what follows for an instance); `running.py`, `storm.py` and `following.py` stand alone.
"""
