/** The OPC UA driver for the edge, and the browser for commissioning. */
export { type Browsed, type BrowseNode, type BrowseRequest, browseOpcua } from './browse.ts'
export { createOpcuaDriver } from './driver.ts'
export { loadOpcuaModel, OPCUA_MODEL_SCHEMA } from './model-file.ts'
