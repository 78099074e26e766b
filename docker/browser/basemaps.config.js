// What lies under the maps: land and a grid of degrees, both built in. Nobody else is asked for
// tiles, and a coast has no borders to quarrel about.
import TopoJSON from "ol/format/TopoJSON.js";
import Graticule from "ol/layer/Graticule.js";
import LayerGroup from "ol/layer/Group.js";
import VectorLayer from "ol/layer/Vector.js";
import { get as getProjection } from "ol/proj.js";
import VectorSource from "ol/source/Vector.js";
import Fill from "ol/style/Fill.js";
import Stroke from "ol/style/Stroke.js";
import Style from "ol/style/Style.js";

const GRID = "EPSG:6933";
const WORLD = [-180, -85.044, 180, 85.044];
const EXTENT = [-17367530.445, -7314540.831, 17367530.445, 7314540.831];

const SEA = "#e8eef1";
const LAND = new Style({
  fill: new Fill({ color: "#f7f6f2" }),
  stroke: new Stroke({ color: "#a9b4b8", width: 1 }),
});
const DEGREES = new Stroke({ color: "rgba(90, 105, 112, 0.25)", width: 1 });

async function createLand(projection) {
  const { default: topology } = await import("world-atlas/land-50m.json");
  const format = new TopoJSON({ dataProjection: "EPSG:4326" });
  const features = format.readFeatures(topology, { featureProjection: projection });
  return new VectorLayer({
    background: SEA,
    source: new VectorSource({ features, attributions: "Natural Earth", wrapX: false }),
    style: LAND,
  });
}

export default function configureBasemap() {
  // What a definition of proj4 does not say.
  getProjection(GRID).setExtent(EXTENT);
  getProjection(GRID).setWorldExtent(WORLD);
  return [
    {
      title: "Land and degrees",
      projection: GRID,
      layerCreated: async (_layer, _source, map) => {
        const land = await createLand(map.getView().getProjection());
        const degrees = new Graticule({ strokeStyle: DEGREES, showLabels: true, latLabelPosition: 0.9, wrapX: false });
        const layers = new LayerGroup({ layers: [land, degrees] });
        layers.setProperties({ title: "Land and degrees", base: true });
        return layers;
      },
    },
  ];
}
