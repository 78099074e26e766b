"""The catalogue: what a product is called, described, published and found.

Conventions, stated once for the whole package:

* a *key* is a file's place below the catalogue's root, with forward slashes:
  ``<collection>/<item>/<file>``;
* all links and asset addresses in files are relative; only the root may name itself;
* what no other document links to is not published, whatever lies on the disk;
* a published asset never changes: new bytes get a new name, and the item a new version.
"""
