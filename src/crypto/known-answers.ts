/** Known answers, as hexadecimal text; fixed inputs of the self-tests made them, and for 0x01, 0x02 and HMAC others publish them too. */
export const knownAnswers = {
  /** McGrew and Viega, The Galois/Counter Mode of Operation, test case 14: key and nonce of zeros, a block of zeros. */
  suite1: 'cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919',
  /** C2SP XAES-256-GCM, second vector. */
  suite2: '986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d',
  suite3: '31571e9d9dfe2e779ae762811354407cc1c3c43795d7690449e96ec3',
  commitment: '5fbb1331f42c6d81598b9892e3ab323b3b1c7339c8f22a6aed6527b1e5e22567',
  /** RFC 4231, test case 2. */
  hmac: '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  /** RFC 3394 section 4.6: 256 bits of key under a KEK of 256 bits. */
  keyWrap: '28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21',
  kdf: '335d7a7d0c7663192c3650484ebab486a7135325c23e47103395b340a9febc7da2960bba50a45db1e5eb4cad2a1da14a',
} as const

/** The answers of a self-test: those above, or in tests wrong ones. */
export type KnownAnswers = Readonly<Record<keyof typeof knownAnswers, string>>
