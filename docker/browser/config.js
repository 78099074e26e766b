// How our STAC Browser differs from others. The service adds where its catalogue is when it is
// asked for config.js, so that one build serves at any address.
module.exports = {
  ...require("./config.defaults.js"),
  catalogTitle: "Vadose",
  // One catalogue, and nothing of any other host.
  allowExternalAccess: false,
  socialSharing: [],
  storeLocale: false,
  // Beside the service's own paths, on any file server.
  pathPrefix: "./",
  historyMode: "hash",
  displayGeoTiffByDefault: true,
  // Granules that are in no public archive are named, not addressed; nobody can follow that.
  preprocessSTAC: (stac) => {
    stac.links = (stac.links || []).filter(({ href }) => !/^(urn|ni):/.test(href));
    return stac;
  },
  // The projection of the maps, so that nobody is asked for it.
  crs: {
    "EPSG:6933":
      "+proj=cea +lat_ts=30 +lon_0=0 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs +type=crs",
  },
};
