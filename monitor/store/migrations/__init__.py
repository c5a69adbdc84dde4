"""The migrations of the schema, one file each in `versions/`. A released migration is never edited."""
