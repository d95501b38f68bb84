/**
 * Every bound of the server with its reason, in one place. Units are the last word of a name. Relations between bounds are
 * asserted at load, so that a change that breaks one does not start.
 */
export const limits = {
  // TTLV and frames
  /** A frame before the client is known: nothing a stranger sends needs more, and it bounds what 1,000 strangers can hold. */
  frameBytesMaxUnknown: 1024 * 1024,
  /** A frame of a known client: MongoDB's own cap on an answer, the largest any client asks for. */
  frameBytesMaxKnown: 16 * 1024 * 1024,
  /** Nesting of structures: the deepest message of KMIP 1.4 needs 12; recursion-free reading makes 32 free. */
  depthMax: 32,
  /** Items in a message: 64 batch items of 100 attributes fit. */
  itemsMax: 10_000,
  /** Text String: the longest a client sends (custom attribute values of arrays) is 1 KiB. */
  textBytesMax: 64 * 1024,
  /** Big Integer: RSA-8192. */
  bigIntegerBytesMax: 1024,
  /** Batch Items in a request: tape libraries send up to 32. */
  batchItemsMax: 64,
  /** Bytes of a response: one response must fit the budget that a known client's frames have. */
  responseBytesMax: 16 * 1024 * 1024,
  /** TLS record: libkmip reads a whole body with one read, so an answer up to this size is one record. */
  tlsRecordBytesMax: 16 * 1024,
  // operations
  /** Unique Identifiers in one answer of Locate; more are paged with Offset Items. */
  locateItemsMax: 1_000,
  /** Random Data of one RNG Retrieve. */
  randomBytesMax: 64 * 1024,
  /** Attribute instances on one object: Tape Library asks for 30 custom attributes, NetApp sends 16. */
  attributeInstancesMax: 512,
  /** Key material of one object: the largest is an Opaque Object. */
  materialBytesMax: 1024 * 1024,
  /** A request that lost a race for a row is run again; after this many times the asker is told to try again. */
  conflictRetriesMax: 8,
  /** One part of a record's associated data: its length field is a u16. */
  recordContextBytesMax: 65_535,
  /** Tenants, and services, whose opened keys one thread keeps: about 2 KiB each. */
  keyChainEntriesMax: 8_192,
  /** A seal's blob: the largest wrapped key comes from RSA-4096 and stays under 1 KiB. */
  sealBlobBytesMax: 64 * 1024,
  // configuration, administration
  /** A configuration file: every setting with a page of comments each fits. */
  configFileBytesMax: 1024 * 1024,
  /** A body on the admin socket: the largest is a certificate request of RSA-8192 with its names. */
  adminBodyBytesMax: 64 * 1024,
  /** An answer that a command reads from the admin socket: 10,000 clients of a tenant. */
  adminAnswerBytesMax: 16 * 1024 * 1024,
  /** Time for an answer on the admin socket: a commit on a slow disk and a key pair. */
  adminAnswerMs: 30_000,
  // store
  /** Wait for another connection's lock on a section: the writer is alone, so only recovery after a crash holds one. */
  storeBusyMs: 5_000,
  /** A page of the store, what a disk writes at once. */
  storePageBytes: 4096,
  /** Pages that a connection keeps: the inner nodes of an index over a million objects fit. */
  storeCacheKib: 16 * 1024,
  /** Pages in the write-ahead log at which it is copied back: each copy delays the commits behind it, so it stays small. */
  storeCheckpointPages: 1_000,
  /** Units in one transaction: more would keep the first of them waiting for no gain, the sync is shared by then. */
  storeGroupMax: 256,
  /** Entries of an index that are counted to choose the rarest of several tokens. */
  storeProbeMax: 1_000,
} as const

if (limits.frameBytesMaxUnknown > limits.frameBytesMaxKnown)
  throw new Error('limits: an unknown client may not send more than a known one')
