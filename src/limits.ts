/**
 * Every bound of the server with its reason, in one place. Units are the last word of a name. Relations between bounds are
 * asserted at load, so that a change that breaks one does not start.
 */
export const limits = {
  // TTLV and frames
  /** A frame of a known client: MongoDB's own cap on an answer, the largest any client asks for. Of whoever is unknown nothing is read. */
  frameBytesMaxKnown: 16 * 1024 * 1024,
  /** First memory of a frame that comes in pieces: nearly all are shorter, and a header that promises more holds no more than this. */
  gatheredFrameFirstBytes: 64 * 1024,
  /** So many times as long it gets when more has come: what was there is copied, a third of the frame in all. */
  gatheredFrameGrowth: 4,
  /** Nesting of structures: the deepest message of KMIP 1.4 needs 12; recursion-free reading makes 32 free. */
  depthMax: 32,
  /** Items in a message: 64 batch items of 100 attributes fit. */
  itemsMax: 10_000,
  /** Text String: the longest a client sends (custom attribute values of arrays) is 1 KiB. */
  textBytesMax: 64 * 1024,
  /** Request Header that is kept for the next message: Protocol Version, Maximum Response Size, the options and Batch Count, what clients send that send more than they must. */
  knownHeaderBytesMax: 136,
  /** Unique Identifier of a request that is read by its shape alone: the server's own have 36. */
  shortIdentifierBytesMax: 64,
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
  /** Attributes of one object, encoded: several times what a tape library sends, and each change writes all of them anew. */
  attributesBytesMax: 256 * 1024,
  /** A batch lets others on after so many milliseconds: what a small request of another client waits for it. */
  batchTurnMs: 5,
  /** Requests of one thread in line to change one object: at some 5 ms for each the last one waits 5 s. */
  changesWaitingMax: 1_024,
  /** What Derive Key makes: as long as the longest key of an HMAC, so that counter mode takes a bounded number of MACs. */
  derivedBitsMax: 4_096,
  /** What Derive Key derives over: labels and contexts, each read once for each block. */
  derivationDataBytesMax: 4_096,
  /** Iterations of one PBKDF2, over all of its blocks: 4 s of a worker thread with SHA-256, which everybody else does without meanwhile. */
  passwordIterationsMax: 10_000_000,
  /** Iterations of each derivation of a PKCS#12 file: who opens one waits some 10 ms, who tries passwords as long for each. OpenSSL's own is 2,048. */
  pkcs12Iterations: 10_000,
  /** Certificates in a PKCS#12 file: a chain as long as the longest that TLS takes by default. */
  pkcs12CertificatesMax: 10,
  /** Iterations of all derivations of a PKCS#12 file that is registered: three of Firefox's 600,000 fit. At 1.3 µs each they take 4 s of the thread that makes key pairs. */
  pkcs12IterationsMax: 3_000_000,
  /** Encrypted and plain contents of such a file: OpenSSL, Java and Windows write two. */
  pkcs12ContentsMax: 8,
  /** Keys, certificates and other bags in it: each certificate may be looked at for each in the chain. */
  pkcs12BagsMax: 64,
  /** For so long an asynchronous operation waits before it begins: whoever asked so is in no hurry, and may still think better of it. */
  asynchronousDelayMs: 250,
  /** In so many seconds it is done, key pairs of RSA that wait for others too; who is asked after it later executes it: its thread may be gone. */
  asynchronousLateSeconds: 60,
  /** After so many it counts as failed. */
  asynchronousSeconds: 600,
  /** For so long its answer can be asked for, counted from the request. */
  asynchronousAnswerSeconds: 3_600,
  /** Of one client, waiting or answered: what is beyond is executed at once. */
  asynchronousPerClientMax: 64,
  /** Of one service: they are all looked through when another one comes. */
  asynchronousPerServiceMax: 256,
  /** Templates that one Template-Attribute names: each is looked up. */
  templatesMax: 8,
  /** Parts of a Split Key: custodians who each hold one. GF(2^8) has no more, and each is an object that is written. */
  splitKeyPartsMax: 255,
  /** A key that is split: with the most parts, all of them needed, that takes 1.7 s of a worker thread; AES-256 in five parts takes 20 µs. */
  splitKeyBytesMax: 4 * 1024,
  /** A Prime Field Size: a prime that is larger than keys of 512 bits. Longer ones are shared in GF(2^8). */
  primeFieldBitsMax: 576,
  /** Lease Time of every object: for so long a client may go on without looking whether a key was revoked. */
  leaseSeconds: 3_600,
  /** Key material of one object: the largest is an Opaque Object. */
  materialBytesMax: 1024 * 1024,
  /** RSA keys of clients: what the suites of 1.0 to 1.2 still register; which of them may be used is policy. */
  rsaKeyBitsMin: 1_024,
  /** Longer ones take 10 ms and more for each signature. */
  rsaKeyBitsMax: 4_096,
  /** What OpenSSL takes with a long modulus: a longer exponent only costs its verifier time. */
  rsaPublicExponentBitsMax: 64,
  /** A private key in DER: PKCS #8 of RSA-4096 has 2.4 KiB. */
  privateKeyBytesMax: 4 * 1024,
  /** Parsed keys that one thread remembers: a key of RSA-4096 takes some 6 KiB in OpenSSL. */
  parsedKeysMax: 1_024,
  /** What keys that one thread keeps opened may take of locked memory: 2 MiB of the 8 that a process may lock without leave, 32,768 keys. */
  openedKeyBytesMax: 2 * 1024 * 1024,
  /** The longest that is kept: symmetric keys and the secrets of MongoDB's client library, not documents. */
  openedKeyBytesEach: 512,
  /** For so long at most a key stays in locked memory after another thread has destroyed or revoked it. It is not used meanwhile. */
  openedKeysSweepMs: 1_000,
  /** How often parsed keys of objects that have changed since are wiped: a key that another thread destroyed is gone so soon. */
  parsedKeysSweepMs: 1_000,
  // operations in parts, for each thread that serves
  /** Streams under way: some 2 KiB each, with OpenSSL's context. */
  streamsMax: 1_024,
  /** Of one client: as many as it has connections that encrypt files. */
  streamsPerClientMax: 64,
  /** Of one tenant, so that it leaves some to others. */
  streamsPerTenantMax: 256,
  /** Data that one stream keeps until its last part, as authenticated decryption has to: as much as one request may bring. */
  streamBytesMax: 16 * 1024 * 1024,
  streamBytesPerClientMax: 32 * 1024 * 1024,
  streamBytesPerTenantMax: 64 * 1024 * 1024,
  /** All streams of a thread together. */
  streamsBytesMax: 128 * 1024 * 1024,
  /** A stream whose next part does not come: its client has gone. */
  streamIdleMs: 60_000,
  /** From the first part on, whatever comes: a file of 100 GB at 30 MB/s. */
  streamMs: 3_600_000,
  /** How often it is looked whether the keys of streams may still be used: one that another thread destroyed is let go so soon. */
  streamSweepMs: 1_000,
  /** A part that another thread is asked for: it has long ended by then, or that thread hangs. */
  streamHandOverMs: 10_000,
  // nonces that are made here
  /** Of one key: NIST SP 800-38D section 8.3. */
  noncesPerKeyMax: 2 ** 32,
  /** Taken from the store at once: a commit for each 4,096, and a key lives through a million of threads' ends. */
  nonceLease: 4_096,
  /** Keys whose leases one thread remembers; that of one that is pushed out is lost, and the next use takes another. */
  nonceLeasesMax: 32_768,
  // work off the loop, for each thread that serves
  /** Priority of worker threads in the scheduler (nice), -20 to 19: beside a listener thread on the same core they get a quarter of it, alone all (bench latency). */
  workerPriority: 5,
  /** Tasks that a worker thread is given before it has ended the first: it never waits for its next one, and a tenant waits for no more of others. */
  workPerThread: 4,
  /** Signatures and their like that wait: at 1 ms each, the last one waits 1 s. */
  workWaitingMax: 1_024,
  /** Of one tenant. */
  workWaitingPerTenantMax: 256,
  /** Key generations that wait: at 0.5 s each, the last one waits half a minute. */
  keyGenerationsWaitingMax: 64,
  /** Of one tenant. */
  keyGenerationsWaitingPerTenantMax: 16,
  /** Rows that a Locate reads at a time: a page is verified without letting anybody else on, about 2 ms. */
  locatePageRows: 256,
  /** Objects that a Locate reads one by one, which are mostly in the cache: up to here that is cheaper than a page of rows. */
  locateFewMax: 16,
  /** Objects of which one thread remembers what Get Attributes was asked last and its answer: some 1 KiB each. */
  shownAttributesMax: 4_096,
  /** The longest such answer: eight attributes have half a KiB. */
  shownAttributesBytesEach: 2 * 1024,
  /** Values of which one thread remembers what the index answered: some 300 bytes each, 20 MiB where each has the longest value and the most objects. */
  indexAnswersMax: 16_384,
  /** The longest of them: names, not documents. */
  indexAnswerValueBytesMax: 256,
  /** Pages that one Locate reads: about 2 s of work for filters that no index answers, over 262,144 objects. */
  locatePagesMax: 1_024,
  /** Filters of one Locate: Tape Library sends 30. Each is a question to every object that is read. */
  locateFiltersMax: 64,
  /** Filters of one Locate that the store looks up in its index; the objects found are asked the others. */
  locateTokensMax: 8,
  /** Bytes that objects may take that one thread remembers: about 50,000 keys with their attributes, of which those that are only served take two fifths. */
  cachedObjectBytesMax: 256 * 1024 * 1024,
  /**
   * A request that lost a race for a row is run again; after this many times the asker is told to try again. It races with one request
   * of each other thread at most, so with 8 threads one in 5,000 would lose as often while all of them do nothing else.
   */
  conflictRetriesMax: 64,
  /** One part of a record's associated data: its length field is a u16. */
  recordContextBytesMax: 65_535,
  /** Tenants, and services, whose opened keys one thread keeps: about 2 KiB each. */
  keyChainEntriesMax: 8_192,
  /** A seal's blob: the largest wrapped key comes from RSA-4096 and stays under 1 KiB. */
  sealBlobBytesMax: 64 * 1024,
  // certificates and identity
  /** Life of the server's own authority: long, because every client must be told of its successor. */
  authorityDays: 3_650,
  /** Life of a server's certificate: what clients of today accept from a private authority. */
  serverCertificateDays: 825,
  /** Life of a client's certificate; a renewed one of the same key fits its binding. */
  clientCertificateDays: 825,
  /** Days before the end of the server's certificate from which `status` warns of it. */
  certificateWarningDays: 30,
  /** RSA keys of certificates: NIST SP 800-57 part 1, 112 bits. */
  rsaCertificateBitsMin: 2_048,
  /** A certificate: one of RSA-8192 with a hundred names stays under it. */
  certificateBytesMax: 16 * 1024,
  /** Life of a certificate authority that an operator makes for a service. */
  certificateAuthorityDaysMax: 7_300,
  /** Certificates of one Validate: the longest chains of public authorities have five, and each is tried as the issuer of each. */
  chainCertificatesMax: 8,
  /** Certificates of one issuer and serial number that are looked at: more than one is a second registration of the same. */
  sameCertificatesMax: 16,
  /** Validity of a certificate that Certify issues when nobody asks for less. */
  issuedCertificateDays: 397,
  /** Its validity begins a little before it is issued, because clients' clocks differ. */
  certificateBackdateSeconds: 3_600,
  /** Public keys that one certificate is tried with: the fitting ones come first, and a stranger gets no more work out of us. */
  authorityTrialsMax: 16,
  /** Certificates whose outcome one thread remembers: some 2 KiB each, more than a large fleet has. */
  rememberedCertificatesMax: 16_384,
  /** Refused certificates that one thread remembers, apart, so that strangers cannot push out clients. */
  rememberedStrangersMax: 1_024,
  /** scrypt over a credential: N = 2^15 takes some 100 ms and 32 MiB. */
  credentialCostLog2: 15,
  /** A password that an operator sets: longer ones are files that somebody has mistaken for one. */
  passwordBytesMax: 1_024,
  /** Credentials that one thread checks at a time: more would only share the processors, and each has its memory. */
  credentialChecksMax: 2,
  /** Requests that wait for such a check: clients take turns. */
  credentialChecksWaitingMax: 1_024,
  /** The same of one client, each with another password: those with one password are one check. */
  credentialChecksOfClientWaitingMax: 8,
  /** Credentials of one request that are looked at: the specification asks for one of each type at most. */
  credentialsOfRequestMax: 3,
  /** Rules of a role: each is looked at for each object. */
  roleRulesMax: 16,
  /** Object Groups of a rule. */
  roleGroupsMax: 64,
  /** Names of tenants, systems, services and clients: they stand in paths, logs and certificates. */
  nameCharactersMax: 64,
  // sockets
  /**
   * Young generation of a listener thread's heap, of which a third is filled between two collections. With 12 a Create costs a sixth more, since its objects outlive
   * a collection while it waits for the disk (bench durable). With the 48 that V8 takes by itself, frames of 4 KiB come to 64 MiB of memory outside the heap before they are let go of,
   * at which V8 collects the whole heap: p99 11 ms, Encrypt of 4 KiB half as expensive again (bench cost).
   */
  listenerYoungGenerationMib: 24,
  /** Requests that are answered before the first of their answers leaves: from 32 on, more gain nothing, and at some 5 µs each they wait 0.2 ms. */
  turnRequestsMax: 32,
  /** Requests of one connection in a turn when many have brought some; `pipelinedRequestsMax` are shared by those who have. */
  turnRequestsEachMin: 2,
  /** Connections of one listener thread: each costs some 60 KiB. */
  connectionsMax: 10_000,
  /** Connections with one certificate: connect-per-operation clients of a large fleet share one. */
  connectionsPerCertificateMax: 4_096,
  /** Connections from one address, handshakes among them: as many as there may be at all, since a whole fleet may stand behind one proxy. */
  connectionsPerAddressMax: 10_000,
  /** TLS handshakes that one thread works on: each is some 0.8 ms of its time, so this bounds what the served wait. */
  handshakesMax: 64,
  /** Handshakes that may run before others wait for their place: the quiet case, in which nothing is looked at twice. */
  handshakesUngatedMax: 4,
  /** Handshakes that begin in one turn of the loop, when others wait: their work is spread between that of the served. */
  handshakesPerTurnMax: 2,
  /** A handshake holds its place for so long at most: a slow client's is finished beside the count. */
  handshakePlaceMs: 250,
  /** Connections whose greeting has come and that wait for a place: 10,000 that reconnect at once. */
  handshakeQueueMax: 10_000,
  /** TLS handshake, from the connection on: Node's own 120 s let silent clients pile up. */
  handshakeMs: 5_000,
  /** First byte after the handshake: probes and pools that connect and wait get this long. */
  firstByteMs: 10_000,
  /** The longest that more of a frame is waited for, however much has come: one that stops is cut after it, one that goes on is not. */
  frameMs: 10_000,
  /** So long a frame is waited for at first: a lost packet is sent again within it. */
  frameGraceMs: 5_000,
  /** Slowest that a frame may come: so many bytes of it are waited for a second longer. */
  frameBytesPerSecondMin: 1_024,
  /** Between requests: pools of database drivers keep connections for minutes. */
  idleMs: 300_000,
  /** An answer that nobody takes; the longest, too, that the client is waited for to take more of it. */
  writeMs: 10_000,
  /**
   * Slowest that answers may be taken, once one has waited for `writeMs`. A kernel that is short of memory takes them in trickles from a client that reads nothing.
   * Linux takes more when a third of its send buffer is free, 1.4 MB of a full one, so that much less than 150 kB/s is not seen in time.
   */
  answerBytesPerSecondMin: 64 * 1024,
  /** After our last byte, the time in which the other side may close too. */
  lingerMs: 1_000,
  /** Time in which open requests are finished when the server stops. */
  drainMs: 10_000,
  /** A signal that comes again within this time is the first one: nobody gives up on a server so soon. */
  signalRepeatMs: 500,
  /** How often the anchor outside the database is taken along: what is younger can be rolled back without being noticed. */
  anchorMs: 1_000,
  /** An anchor is one line of some 600 bytes. */
  anchorBytesMax: 4_096,
  /** How often the timeouts of a listener's connections are looked at, and by another timer a thread's stack is wiped: one for all is cheaper than several for each. */
  sweepMs: 250,
  /** Within this time each connection of a listener has been looked at: all of 10,000 at each look took 4 % of a core (bench connections). */
  sweepRoundMs: 1_000,
  /** So many are looked at each time at least: together they take 0.1 ms. */
  sweepConnectionsMin: 500,
  /** Unanswered requests on one connection: what came after waits in the socket. */
  pipelinedRequestsMax: 64,
  /** Answers that wait for their client, in bytes: then nothing more is read from it. */
  queuedAnswerBytesMax: 256 * 1024,
  /** The same over all connections of a listener thread. From half of it on, a connection has one answer in flight; beyond it, who holds most is cut. */
  queuedAnswersBytesMax: 256 * 1024 * 1024,
  /** Bytes that the unfinished batches of one client may have as answers, in one listener thread: four of the largest. */
  unfinishedAnswersOfClientBytesMax: 64 * 1024 * 1024,
  /** The same of all clients: four that fill their part. */
  unfinishedAnswersBytesMax: 256 * 1024 * 1024,
  /** Frames of one connection that wait for their answer, in bytes: then nothing more is taken from it. A frame may be longer than this, and waits alone. */
  unansweredFrameBytesMax: 1024 * 1024,
  /** Memory of frames that have come, partly or whole, and have no answer yet, for one listener: 16 of the largest. Beyond it, who holds most is cut. */
  partialFramesBytesMax: 256 * 1024 * 1024,
  /** Of one client: four of the largest at once. */
  partialFramesBytesPerClientMax: 64 * 1024 * 1024,
  /** Of one tenant, so that it leaves as much to others. */
  partialFramesBytesPerTenantMax: 128 * 1024 * 1024,
  // damage
  /** Damaged rows of objects that a thread tells of, each once: more are a lost database, and the first ones say so. */
  damagedObjectsToldMax: 1_000,
  /** Of them, as many as status names. */
  damagedObjectsShownMax: 10,
  // KMIP over HTTPS
  /** A message in JSON or XML: the largest object is 1 MiB, 2 in hexadecimal, with its attributes. It is read in one turn of the loop: 26 ms for one of 4 MiB. */
  textMessageBytesMax: 4 * 1024 * 1024,
  /** Headers of a request: clients send some 300 bytes. */
  httpHeaderBytesMax: 8 * 1024,
  // threads
  /** Listener threads that may be lost and replaced within `threadLossesMs`: more are no accident, and the server stops rather than fail on and on. */
  threadLossesMax: 5,
  threadLossesMs: 60_000,
  // process
  /** Locked memory that a server should be allowed: 8 MiB hold some 100,000 keys of 32 bytes, and are the usual limit of a user. */
  lockedMemoryBytesMin: 8 * 1024 * 1024,
  // audit
  /** Records of refusals of one client that a thread writes within `refusalRecordsMs`: enough to see what it tries; more are counted. */
  refusalRecordsMax: 100,
  refusalRecordsMs: 10_000,
  /** Clients whose refusals a thread tells apart in that time, at some 100 bytes each. */
  refusalClientsMax: 16_384,
  /** Records of refusals that wait for the store: a transaction's worth. */
  refusalRecordsWaitingMax: 1_024,
  // telemetry
  /** Lines that one listener thread writes about strangers within `strangerLinesMs`: enough to see who they are; more are counted. */
  strangerLinesMax: 100,
  strangerLinesMs: 10_000,
  /** A request to the health port: path and headers of a scraper. */
  healthHeaderBytesMax: 8 * 1024,
  /** Time for a request on the health port to come. */
  healthRequestMs: 5_000,
  // configuration, administration
  /** A configuration file: every setting with a page of comments each fits. */
  configFileBytesMax: 1024 * 1024,
  /** A body on the admin socket: the largest is a certificate request of RSA-8192 with its names. */
  adminBodyBytesMax: 64 * 1024,
  /** An answer that a command reads from the admin socket: 10,000 clients of a tenant. */
  adminAnswerBytesMax: 16 * 1024 * 1024,
  /** Time for an answer on the admin socket: a commit on a slow disk and a key pair. */
  adminAnswerMs: 30_000,
  /** Kept backups that are noted: a daily one for two years and more. Each version that is to go is compared with all of them. */
  keptBackupsMax: 1_000,
  /** How long a grant that opens compromised keys may last: a day's work on an emergency. */
  breakGlassMinutesMax: 1_440,
  /** Grants that are open at once: each thread reads those of a tenant when it opens compromised keys. */
  breakGlassGrantsMax: 64,
  /** How often grants are looked at while there are any: one ends so much too late at most, and in no thread later than its time for what is opened. */
  breakGlassLookMs: 1_000,
  // jobs
  /** Jobs that have not ended: each service of 1,000 tenants may have one. */
  jobsOpenMax: 4_096,
  /** Jobs that have ended and are still shown. */
  jobsKeptMax: 1_000,
  /** Lanes of jobs that are worked on at once: each has some rows in memory, and all share one thread. */
  jobLanesMax: 4,
  /** How often the progress of a running job is made durable: so much is done again after a crash. */
  jobProgressMs: 1_000,
  /** A job rests so many times as long as it worked: it takes a quarter of one thread, and requests have theirs. */
  jobRestFactor: 3,
  /** Rows that a job works on between two rests: some 10 ms of work, and one commit. */
  jobBatchRows: 64,
  /** Attempts of a job before it has failed: with the waits between them about ten minutes. */
  jobAttemptsMax: 10,
  /** The longest wait between two attempts: it doubles from one second on. */
  jobRetrySecondsMax: 300,
  /** How often jobs that are due later are looked at, since the wall clock may be set. */
  jobLookMs: 60_000,
  // looking at every row
  /** Rows of one round that are told one by one: enough to see which they are; the others are counted. */
  scrubFaultsLogged: 100,
  /** From the start of a server to its first round, where none is due before: a start is busy enough, and what was changed while no server ran is to be found soon. */
  scrubFirstSeconds: 600,
  // keys outside
  /** Time for one call to a key outside, connecting included: providers answer in less than 500 ms, and whoever waits for it has a timeout of its own. */
  externalKeyMs: 5_000,
  /** Connections to one service: a server asks for a key once in minutes, and several at its start. */
  httpsConnectionsMax: 8,
  /** A kept connection without a request; services close theirs after one to five minutes. */
  httpsIdleMs: 30_000,
  /** Headers of a service's answer. */
  httpsHeaderBytesMax: 16 * 1024,
  /** A service's answer: a wrapped key, a token or an anchor, each below 8 KiB. */
  httpsAnswerBytesMax: 64 * 1024,
  /** A file with a token, a password, or a certificate and its chain. */
  credentialBytesMax: 64 * 1024,
  /** The part of its life for which a token of OpenBao is used before another one is asked for. */
  openBaoTokenUsed: 0.8,
  /** Until a token that could not be renewed is tried again. */
  openBaoRenewRetryMs: 10_000,
  /** Characters of a mount, a name or a path in OpenBao. */
  openBaoPathMax: 256,
  /** A listener thread waits so long for a lease: every version of S, one after the other, while one rotation is under way. */
  leaseAnswerMs: 12_000,
  /** After a key outside has refused, whoever asks meanwhile is told the same without a call. */
  externalKeyRestMs: 1_000,
  /** A lease of a tenant's L1: shorter ones call its provider more than once a minute. */
  leaseSecondsMin: 60,
  /** The same of a development server: who tries a real provider there does not wait for minutes. */
  leaseSecondsDevelopmentMin: 10,
  /** For so long at most what the tenant has switched off goes on in mode strict, where nothing tells of it. */
  leaseSecondsMax: 3_600,
  leaseSecondsDefault: 300,
  /** In mode available keys are used for so long without a word of the L1. */
  availableSeconds: 86_400,
  /** The part of a lease after which it is renewed: what is left is for the tries of a provider that does not answer. */
  leaseRenewFrom: 0.6,
  /** After an L1 has not answered a renewal, it is asked again. */
  leaseRetrySeconds: 10,
  /** How often each thread looks whether leases have ended, to wipe what hung on them, and the main one whether some are to be renewed. */
  leaseLookMs: 500,
  /** The boot-time clock is read again when the wall clock has moved so far: reading it takes some 10 µs. */
  bootClockMs: 100,
  /** Linked systems whose leases run at once: each has 16 bytes of memory that threads share. */
  leasesMax: 16_384,
  /** RSA keys that Tenant Keys are sealed to: NIST SP 800-57 part 1, 128 bits. */
  recipientBitsMin: 3_072,
  /** A name of a key, settings and credentials of an L1: the longest are tokens and certificates of some KiB. */
  externalKeyTextMax: 16 * 1024,
  // keys of the hierarchy
  /** Records that a key wraps in AES-256-GCM with its nonces of 96 random bits: two of them are the same with a probability of 2^-37. */
  wrapsOfShortNonceMax: 2 ** 30,
  /** In XAES-256-GCM, with nonces of 192 bits: for tidiness, its own bound is 2^80. */
  wrapsOfLongNonceMax: 2 ** 40,
  /** Uses of a key that a process takes at once: so many are wasted by a crash. */
  wrapBlock: 2 ** 20,
  /** The part of what a key may wrap from which it is rotated. */
  wrapsRotateFrom: 0.9,
  /** How often every key is looked at for whether its rotation is due. */
  keyLookMs: 60_000,
  /** Between two pages of keys that are looked at. */
  keyLookPauseMs: 20,
  /** Time for every thread to say that it has opened a new version: a thread that is busy with a batch answers after it. */
  keyRefreshMs: 30_000,
  // store
  /** Wait for another connection's lock on a section: the writer is alone, so only recovery after a crash holds one, or a program that an operator has started. What waits longer is refused. */
  storeBusyMs: 5_000,
  /**
   * Wait until nobody reads what the log of a section holds, when a key's record is overwritten and the log must be emptied of it. Our own threads read for milliseconds; all other
   * writes wait meanwhile. It is tried again by the job that asked.
   */
  storeEraseMs: 1_000,
  /** Between two looks whether the log can be emptied now: about as long as our own threads read. */
  storeEraseLookMs: 5,
  /** A page of the store, what a disk writes at once. */
  storePageBytes: 4096,
  /** Pages that a connection which reads keeps: the inner nodes of an index over a million objects fit. */
  storeCacheKib: 16 * 1024,
  /**
   * Pages that the writer keeps: inner nodes and one transaction's own. After each transaction that has split a page SQLite looks at all that it keeps: with 16 MiB
   * that was a fifth of the writer's time, and a Create took half as much again.
   */
  storeWriterCacheKib: 4 * 1024,
  /** Pages in the write-ahead log that are not copied back yet at which a thread begins to: what SQLite takes by itself. With four times as many 64 clients make 3 % more Creates, and one in a hundred takes half as long again, since each copy is synced at once. */
  storeCheckpointPages: 1_000,
  /** Pages at which the writer itself copies what the thread has not, so that the log begins anew: what is left by then is little, and the log takes no more than some 64 MiB. */
  storeLogPages: 16_000,
  /** Rows that the writer counts for a digest between two transactions: less than a millisecond. */
  setPageRows: 256,
  /** Rows of a table that the writer knows one by one: some 50 MB. Of a table with more it can be told that rows were changed from outside, not which. */
  registeredRowsMax: 250_000,
  /** Rows changed from outside that are named: of a table with more, none is believed. */
  changedRowsNamedMax: 1_000,
  /** Of these, those that a message names. */
  changedRowsShownMax: 3,
  /** How often the writer looks whether somebody else has committed to the files: a number of SQLite's. */
  outsideLookMs: 1_000,
  /** Units in one transaction: more would keep the first of them waiting for no gain, the sync is shared by then. */
  storeGroupMax: 256,
  /** Units of one turn that are handed to the writer before the turn has ended, which works on them beside it: with 8 as many Creates are made in a second, with 32 a tenth less (bench durable). */
  storeUnitsSentTogether: 16,
  /** Units of a thread that wait for the writer: its connections' own bounds keep it far below. */
  storeWaitingMax: 16_384,
  /** Prepared statements of a connection: Locate has one for each number of tokens and of lists, a client chooses both. */
  storeStatementsMax: 256,
  /** Entries of an index that are counted to choose the rarest of several tokens. */
  storeProbeMax: 1_000,
  /** Records and attributes of a page of objects, before its last one: 256 keys have a tenth of it, four large objects fill it. */
  storeLocateBytesMax: 2 * 1024 * 1024,
  // bench
  /** A run, its warm-up, or the wait for an answer: a day. Node's timers end at 24 days, and one that is longer fires at once. */
  benchSecondsMax: 24 * 60 * 60,
  /** Tasks a second that are planned: ten times what one server answers; each that is late is remembered. */
  benchRateMax: 1_000_000,
  /** Objects that are made before, each remembered by its identifier. */
  benchCountMax: 10_000_000,
  /** Connections of a generator: each has a buffer of 64 KiB, and one address has fewer ports. */
  benchConnectionsMax: 65_536,
  /** Requests in flight on a connection: servers take fewer and let the rest wait. */
  benchDepthMax: 1_024,
  /** Client processes: several for each core of a large machine. */
  benchProcessesMax: 512,
} as const

/**
 * Where work runs. What an event loop may do itself in one turn is bounded by its cost, in microseconds as measured on Node 24 (`node
 * bench/off-loop.ts`, docs/where-work-runs.md); what costs more, or comes when the turn's budget is spent, goes to a worker thread, which costs the loop
 * some 50 µs. What is `never` done here goes there always.
 */
const never = Number.POSITIVE_INFINITY
export const placement = {
  /** What one turn may spend on it: a small request of another client waits no longer for it. */
  turnBudgetUs: 250,
  /** Data up to this is hashed and encrypted where it is: 64 KB take AES-256-GCM 22 µs, less than handing it over. */
  inlineBytesMax: 64 * 1024,
  /** Data from this on never is: 256 KB take 101 µs here and 64 to hand over, 1 MB 406 and 139. Requests as long lie in memory that threads share. */
  offLoopBytesMin: 256 * 1024,
  /** Between the two it costs the turn its share: AES-CBC, the slowest, encrypts so many bytes in a microsecond. */
  cipherBytesPerUs: 600,
  /** How many times as long it takes others: 3DES encrypts 34 bytes in a microsecond, key wrap 11. */
  slowness: { tripleDes: 18, keyWrap: 50 },
  /** To sign or decrypt. RSA-2048 takes 314 µs, RSA-3072 890, RSA-4096 1,850. */
  privateUs: { rsa: never, prime256v1: 30, secp256k1: 290, secp384r1: 570, secp521r1: 1_390 },
  /** To verify or encrypt; RSA's is that of 4,096 bits. */
  publicUs: { rsa: 100, prime256v1: 70, secp256k1: 260, secp384r1: 490, secp521r1: 1_110 },
  /** An iteration of PBKDF2: 0.4 µs with SHA-256, 0.7 with SHA-512, 1.1 with SHA3-512. */
  iterationUs: 1,
  /** What takes longer goes where key generation does: a hundred signatures would wait for it. */
  longUs: 100_000,
  /**
   * For parts of keys: to add a word to another (of 32 bits times a factor in a field of 2^8 or 2^16; of 16 bits modulo a prime), and to multiply two scalars. 255 parts of AES-256, all of
   * them needed, take 13 to 220 ms; to join 255 of 128 in a prime field takes 2.7 s, what the most iterations of a password take.
   */
  sharing: { binary: { wordUs: 0.03, scalarUs: 0.2 }, prime: { wordUs: 0.012, scalarUs: 2 } },
  /** To look whether a point is on its curve, P-521's compressed, or to parse a modulus. */
  publicKeyCheckUs: 75,
} as const

if (limits.handshakeMs + limits.sweepMs > 15_000 || limits.firstByteMs + limits.sweepRoundMs > 15_000)
  throw new Error('limits: a silent client must be cut within 15 s')
if (limits.streamBytesMax < limits.frameBytesMaxKnown)
  throw new Error('limits: what fits a request must fit a stream that keeps it')
if (limits.partialFramesBytesPerClientMax < limits.frameBytesMaxKnown)
  throw new Error('limits: the longest frame of a client must fit what it may have of them')
if (limits.frameGraceMs > limits.frameMs) throw new Error('limits: the grace of a frame ends before its time')
