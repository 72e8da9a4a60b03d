"""Names as people write them."""

import polars as pl

LEGAL_FORMS = ("Inc", "Co", "Corp", "Corporation", "Ltd")

MANUFACTURERS = {
    "Airbus Industrie": "Airbus",
    "Dehavilland": "de Havilland",
    "Mcdonnell Douglas": "McDonnell Douglas",
    "Mcdonnell Douglas Aircraft": "McDonnell Douglas",
}


def clean_name(name: pl.Expr) -> pl.Expr:
    """The name without legal form, stray backslashes and surplus blanks."""
    legal_form = rf"(?i)\s+({'|'.join(LEGAL_FORMS)})\.?\s*$"
    return name.str.replace_all(r"\\", "").str.replace(legal_form, "").str.replace_all(r"\s+", " ").str.strip_chars()


def clean_manufacturer(name: pl.Expr) -> pl.Expr:
    """The manufacturer in title case, under one name each."""
    return clean_name(name.str.to_titlecase()).replace(MANUFACTURERS)
