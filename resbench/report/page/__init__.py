"""The page: pieces of it, tables, and the forms in which they are written."""
