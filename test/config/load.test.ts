import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'krypton-config-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true, force: true })
})

function file(text: string): string {
  const name = join(directory, 'krypton.yaml')
  writeFileSync(name, text)
  return name
}

async function refused(text: string): Promise<string> {
  try {
    await loadConfig({ file: file(text) })
  } catch (error) {
    expect(error).toMatchObject({ code: 'config-invalid' })
    return (error as Error).message.replaceAll(directory, '')
  }
  throw new Error('the file was not refused')
}

describe('order of the sources', () => {
  it('takes the flag before the environment before the file before the default', async () => {
    const name = file('kmip: { port: 1001 }\nhealth: { port: 1002 }\nserver: { threads: 2 }\n')
    const { config, origins } = await loadConfig({
      file: name,
      environment: { KRYPTON_KMIP_PORT: '2001', KRYPTON_HEALTH_PORT: '2002' },
      flags: [{ path: 'kmip.port', flag: '--kmip-port', value: '3001' }],
    })
    expect([config.kmip.port, config.health.port, config.server.threads, config.log.level]).toEqual([
      3001,
      2002,
      2,
      'info',
    ])
    expect(origins.get('kmip.port')).toEqual({ kind: 'flag', where: '--kmip-port' })
    expect(origins.get('health.port')).toEqual({ kind: 'environment', where: 'KRYPTON_HEALTH_PORT' })
    expect(origins.get('server.threads')).toEqual({ kind: 'file', where: `${name}:3:20` })
    expect(origins.get('log.level')).toEqual({ kind: 'default', where: '' })
  })

  it('has keys in locked memory in production, and where it can be had in development, unless somebody says otherwise', async () => {
    const nativeOf = async (...flags: [string, string][]) =>
      (await loadConfig({ flags: flags.map(([path, value]) => ({ path, flag: `--${path}`, value })) })).config.native
    expect(await nativeOf()).toBe('required')
    expect(await nativeOf(['server.profile', 'development'])).toBe('auto')
    expect(await nativeOf(['native', 'auto'])).toBe('auto')
  })

  it('has every section also when nothing is set', async () => {
    const { config } = await loadConfig({})
    expect(Object.keys(config).toSorted()).toEqual(
      [
        'version',
        'server',
        'kmip',
        'health',
        'admin',
        'store',
        'seal',
        'anchor',
        'native',
        'rotation',
        'scrub',
        'crypto',
        'audit',
        'limits',
        'log',
      ].toSorted(),
    )
  })
})

describe('paths', () => {
  it('takes the directory from the place of the file and every other path from the directory', async () => {
    mkdirSync(join(directory, 'instance'))
    const { config } = await loadConfig({
      file: file('server: { directory: instance }\nseal: { keyFile: ../seal.key }\n'),
    })
    expect(config.server.directory).toBe(join(directory, 'instance'))
    expect(config.store.directory).toBe(join(directory, 'instance/data'))
    expect(config.seal.keyFile).toBe(join(directory, 'seal.key'))
  })

  it('refuses a directory whose socket would get a longer name than Linux allows', async () => {
    const long = join('/tmp', 'x'.repeat(120))
    const flags = [{ path: 'server.directory', flag: '--dir', value: long }]
    await expect(loadConfig({ flags })).rejects.toThrow(/admin\.socket is longer than the 107 bytes/)
  })
})

describe('an anchor in OpenBao', () => {
  it('names what it lacks for its login; a file that is not named is none', async () => {
    const anchor = (more: string): string => `anchor:\n  type: openbao\n  address: https://bao:8200\n  path: x\n${more}`
    expect(await refused(anchor(''))).toMatch(
      /anchor.type is openbao and its login approle: set anchor.caFile, anchor.roleIdFile, anchor.secretIdFile$/,
    )
    expect(await refused(anchor('  login: token\n  caFile: ca.pem\n'))).toMatch(
      /its login token: set anchor.tokenFile$/,
    )
    expect(await refused(anchor('  login: certificate\n  caFile: ca.pem\n  keyFile: x\n'))).toMatch(
      /set anchor.certificateFile$/,
    )
    expect(await refused('anchor: { address: "http://bao:8200" }\n')).toMatch(/anchor.address must be text of the form/)
    expect(await refused('anchor: { type: file }\n')).toMatch(
      /anchor.type is file: name it, on another volume, in anchor.file/,
    )
    const { config } = await loadConfig({
      file: file(anchor('  login: token\n  caFile: ca.pem\n  tokenFile: token\n')),
    })
    expect(config.anchor).toMatchObject({ caFile: join(directory, 'ca.pem'), mount: 'secret' })
    expect(config.anchor.secretIdFile).toBeUndefined()
  })
})

describe('a wrong file', () => {
  it('is refused with line, column, path and what is allowed', async () => {
    expect(await refused('kmip:\n  port: many\n')).toBe(
      '/krypton.yaml:2:9: kmip.port must be a whole number from 0 to 65535, it is many',
    )
    expect(await refused('log:\n  level: loud\n')).toBe(
      '/krypton.yaml:2:10: log.level must be one of debug, info, warn, error, fatal, it is loud',
    )
  })

  it('is refused for a number in quotes with how to write it, and for a seal key inside the data', async () => {
    expect(await refused('kmip:\n  port: "12"\n')).toBe(
      '/krypton.yaml:2:9: kmip.port must be a whole number from 0 to 65535, it is text, "12": leave out the quotes',
    )
    expect(await refused('seal:\n  keyFile: ./data/seal.key\n')).toMatch(
      /:2:12: seal.keyFile lies in store.directory: choose another place/,
    )
    await loadConfig({ file: file('seal:\n  keyFile: data-seal.key\n') })
  })

  it('is refused for a misspelt name with the name that was meant', async () => {
    expect(await refused('kmip:\n  prot: 1\n')).toBe(
      '/krypton.yaml:2:3: kmip.prot is not a setting, did you mean port?',
    )
    expect(await refused('healht: {}\n')).toBe('/krypton.yaml:1:1: healht is not a setting, did you mean health?')
    expect(await refused('seal:\n  password: x\n')).toMatch(/allowed here are type, keyFile, cluster, verifier, epoch/)
    expect(await refused('audit:\n  sink: x\n')).toMatch(/audit has none yet/)
  })

  it('is refused with every wrong line at once, in the order of the file', async () => {
    const lines = (await refused('kmip: { port: -1 }\nlog: { level: loud }\nnative: maybe\nother: 1\n')).split('\n')
    expect(lines.map((line) => line.slice(0, '/krypton.yaml:1'.length))).toEqual(
      [1, 2, 3, 4].map((line) => `/krypton.yaml:${line}`),
    )
  })

  it('is refused for an address that is none', async () => {
    expect(await refused('kmip: { host: bad host }\n')).toMatch(
      /kmip.host must be an IP address or a host name, it is bad host/,
    )
    expect(await refused('kmip: { host: 300.1.1.1 }\n')).toMatch(/an IP address or a host name/)
    expect(
      (await loadConfig({ file: file('kmip: { host: "::" }\nhealth: { host: kms.example.com }\n') })).config.kmip.host,
    ).toBe('::')
  })

  it('is not asked whether it meant a name that is nothing like its own', async () => {
    expect(await refused('kmip: { foo: 1 }\n')).toMatch(/allowed here are host, port/)
    expect(await refused('abc: 1\n')).toMatch(/allowed here are/)
  })

  it('is refused for a section that is a value, a list or empty', async () => {
    expect(await refused('kmip: 5\n')).toMatch(/krypton.yaml:1:7: kmip must be a section with settings: host, port/)
    expect(await refused('- kmip\n')).toMatch(/the file must be a section/)
    expect(await refused('kmip:\n')).toMatch(/kmip must be a section/)
  })

  it('is refused for a key that stands twice', async () => {
    expect(await refused('log: { level: info }\nlog: { level: warn }\n')).toMatch(
      /^.krypton.yaml:2:1: log stands twice in its section/,
    )
  })

  it('is refused for broken YAML, an alias and a second document', async () => {
    expect(await refused('kmip: [\n')).toMatch(/krypton.yaml:\d+:\d+/)
    expect(await refused('kmip: &a { port: 1 }\nhealth: *a\n')).toBe(
      '/krypton.yaml:2:9: aliases (*a) are not allowed: write the value out',
    )
    expect(await refused('kmip: &a { port: 1 }\nhealth:\n  <<: *a\n')).toBe(
      '/krypton.yaml:3:7: aliases (*a) are not allowed: write the value out',
    )
    expect(await refused('kmip:\n  <<: { port: 1 }\n')).toMatch(/^.krypton.yaml:2:3: kmip.<< is not a setting/)
    expect(await refused('kmip: { port: *none }\n')).toMatch(/^.krypton.yaml:1:\d+: .*none/)
    expect(await refused('kmip: {}\n---\nkmip: {}\n')).toBe(
      '/krypton.yaml:2:1: a second document begins here (---): leave one of them',
    )
  })

  it.each(['', '\n', '# kmip: { port: 1 }\n', '---\n', 'null\n'])(
    'is refused when it sets nothing: %j',
    async (text) => {
      expect(await refused(text)).toMatch(
        /^.krypton.yaml:1:1: the file sets nothing, perhaps it was cut off: put back the one that krypton init wrote, .* version: 1/,
      )
    },
  )

  it('is refused when it is missing or too large', async () => {
    await expect(loadConfig({ file: join(directory, 'none.yaml') })).rejects.toThrow(/cannot read the configuration/)
    expect(await refused(`#${'x'.repeat(1024 * 1024)}\n`)).toMatch(/larger than/)
  })

  it('does not repeat a long value, which could be a secret in the wrong place', async () => {
    expect(await refused(`log: { level: ${'s'.repeat(64)} }\n`)).not.toMatch(/s{41}/)
  })

  it('cannot reach the prototype of what is built from it', async () => {
    expect(await refused('__proto__: { port: 1 }\n')).toMatch(/__proto__ is not a setting/)
  })
})

describe('the environment', () => {
  it('refuses a value that is not allowed, with the name of the variable', async () => {
    await expect(loadConfig({ environment: { KRYPTON_KMIP_PORT: '99999' } })).rejects.toThrow(
      'KRYPTON_KMIP_PORT: kmip.port must be a whole number from 0 to 65535, it is 99999',
    )
    await expect(loadConfig({ environment: { KRYPTON_HEALTH_ENABLED: 'yes' } })).rejects.toThrow(/true or false/)
    await expect(loadConfig({ environment: { KRYPTON_SEAL_CLUSTER: 'xyz' } })).rejects.toThrow(/text of the form/)
    await expect(loadConfig({ environment: { KRYPTON_KMIP_HOST: '' } })).rejects.toThrow(/it is empty/)
  })

  it('warns of a variable that looks like a setting and is none', async () => {
    const { warnings } = await loadConfig({
      environment: { KRYPTON_KIMP_PORT: '1', KRYPTON_DIR: '/x', KRYPTON_OUTPUT: 'json' },
    })
    expect(warnings).toEqual(['the variable KRYPTON_KIMP_PORT is not a setting and changes nothing'])
    await expect(loadConfig({ environment: { KRYPTON_KMIP_FOO: '1' } })).rejects.toThrow(
      /allowed here are KRYPTON_KMIP_HOST/,
    )
  })

  it('refuses a misspelt variable of a section with the likely name', async () => {
    await expect(loadConfig({ environment: { KRYPTON_KMIP_PROT: '1' } })).rejects.toThrow(
      /did you mean KRYPTON_KMIP_PORT/,
    )
  })

  it('leaves alone what Kubernetes sets for a service of this name, and says so where names collide', async () => {
    const kubernetes = { KRYPTON_KMIP_SERVICE_HOST: '10.0.0.1', KRYPTON_KMIP_PORT_5696_TCP: 'tcp://10.0.0.1:5696' }
    expect((await loadConfig({ environment: kubernetes })).config.kmip.port).toBe(5696)
    await expect(loadConfig({ environment: { KRYPTON_KMIP_PORT: 'tcp://10.0.0.1:5696' } })).rejects.toThrow(
      /enableServiceLinks/,
    )
  })
})

describe('settings together', () => {
  it('wants all three pins or none', async () => {
    expect(await refused('seal: { epoch: 1 }\n')).toMatch(/krypton.yaml:1:16: seal.epoch needs the other pins too/)
    const pins = `seal: { cluster: "${'0'.repeat(32)}", verifier: "${'0'.repeat(64)}", epoch: 1 }\n`
    expect((await loadConfig({ file: file(pins) })).config.seal.epoch).toBe(1)
  })

  it('has no suites of old arrays beside approved algorithms', async () => {
    expect(await refused('kmip: { tlsProfile: kmip-1.x-interop }\ncrypto: { profile: approved }\n')).toMatch(
      /choose one of the two/,
    )
  })

  it('wants different ports for KMIP and health on one address', async () => {
    expect(await refused('kmip: { port: 7000 }\nhealth: { port: 7000 }\n')).toMatch(/health.port must be another port/)
  })
})
