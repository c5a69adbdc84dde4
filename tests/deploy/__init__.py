"""What is in `deploy/` works in the programs that it is for; where they are not installed, those tests are skipped."""
