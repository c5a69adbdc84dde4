"""What each page shows, as frozen values without markup."""
