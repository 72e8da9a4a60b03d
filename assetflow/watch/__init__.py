"""Watch mode: what changes in a project is loaded anew, planned and brought up to date."""
