"""Records of a collection in the words of national infrastructures: ISO 19139, DCAT-AP, OGC API."""
