"""Maps in their fixed colours as OGC API - Tiles and Maps, drawn from the published files."""
