"""A run as files: CSV, JSON, a ZIP of chosen images, an HTML report, names as text; a contact sheet is in
sheet.py, which is imported where one is made: it takes a while."""

from lychee_app.export.archive import LeftOut, Zipped, member, write_zip
from lychee_app.export.document import document, json_list_pieces, json_pieces, to_json
from lychee_app.export.files import write_atomically, written_aside
from lychee_app.export.names import clean_name, unique_name
from lychee_app.export.report import to_html
from lychee_app.export.table import columns_csv, csv_pieces, names_text, to_csv

__all__ = [
    "LeftOut",
    "Zipped",
    "clean_name",
    "columns_csv",
    "csv_pieces",
    "document",
    "json_list_pieces",
    "json_pieces",
    "member",
    "names_text",
    "to_csv",
    "to_html",
    "to_json",
    "unique_name",
    "write_atomically",
    "write_zip",
    "written_aside",
]
