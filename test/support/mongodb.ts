import { mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { TestProcess, freePort, installed, runWell, untilListening } from './counterparts.ts'

const pymongoVersion = '4.20.0'
const standInVersion = '1.47.0'
const answerMsMax = 60_000

/** Python of an environment with MongoDB's driver and its encryption library. */
export async function mongodbPython(): Promise<string> {
  const directory = await installed('pymongo', pymongoVersion, async (directory) => {
    await runWell('python3', ['-m', 'venv', directory])
    const pip = join(directory, 'bin', 'pip')
    await runWell(pip, ['install', '-q', '--disable-pip-version-check', `pymongo[encryption]==${pymongoVersion}`])
  })
  return join(directory, 'bin', 'python')
}

/** A place for the key vault collection: another server of MongoDB's protocol, in memory. It keeps data keys, but no ciphertexts. */
export class KeyVault {
  readonly url: string
  readonly #process: TestProcess

  private constructor(port: number, process: TestProcess) {
    this.url = `mongodb://127.0.0.1:${port}/?directConnection=true`
    this.#process = process
  }

  static async start(): Promise<KeyVault> {
    const directory = await installed('mongo-java-server', standInVersion, buildStandIn)
    const port = await freePort()
    const path = [join(directory, 'classes'), join(directory, 'lib', '*')].join(delimiter)
    const process = new TestProcess('java', ['-Xmx256m', '-cp', path, 'StandIn', String(port)])
    await untilListening(port, process)
    return new KeyVault(port, process)
  }

  async stop(): Promise<void> {
    await this.#process.stop()
  }
}

/** Reports wire version 21, since the driver wants a server of version 4.4 or later and the library says less of itself. */
const standInSource = `
import de.bwaldvogel.mongo.*;
import java.util.List;
public class StandIn {
  public static void main(String[] arguments) throws Exception {
    var backend = new de.bwaldvogel.mongo.backend.memory.MemoryBackend();
    backend.version(new MongoVersion() {
      public List<Integer> getVersionArray() { return List.of(7, 0, 0, 0); }
      public int getWireVersion() { return 21; }
    });
    new MongoServer(backend).bind("127.0.0.1", Integer.parseInt(arguments[0]));
    Thread.currentThread().join();
  }
}
`

const standInProject = `<project><modelVersion>4.0.0</modelVersion><groupId>krypton.test</groupId><artifactId>stand-in</artifactId><version>1</version>
<dependencies><dependency><groupId>de.bwaldvogel</groupId><artifactId>mongo-java-server</artifactId><version>${standInVersion}</version></dependency></dependencies></project>
`

async function buildStandIn(directory: string): Promise<void> {
  writeFileSync(join(directory, 'pom.xml'), standInProject)
  writeFileSync(join(directory, 'StandIn.java'), standInSource)
  mkdirSync(join(directory, 'classes'))
  await runWell('mvn', ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=lib'], { cwd: directory })
  await runWell('javac', ['-cp', 'lib/*', '-d', 'classes', 'StandIn.java'], { cwd: directory })
}

/** A KMS provider as the driver is told of it. */
export interface Provider {
  readonly endpoint: string
  readonly ca: string
  /** Certificate and key in one file. */
  readonly bundle: string
}

/** What a call of the driver came to: its result, or the message that a person would see. */
export type Answer<T> = { readonly result: T } | { readonly error: string }

/**
 * An application with MongoDB's driver: a process that keeps its clients, and so its cached keys, until it is stopped. Calls go to
 * it one after the other as lines of JSON (`test/integration/mongodb/application.py`).
 */
export class Application {
  readonly #process: TestProcess
  #answered = 0

  private constructor(process: TestProcess) {
    this.#process = process
  }

  static async start(vault: KeyVault): Promise<Application> {
    const script = join(import.meta.dirname, '..', 'integration', 'mongodb', 'application.py')
    const process = new TestProcess(await mongodbPython(), ['-u', script, vault.url])
    return new Application(process)
  }

  /** A new client under `name`, nothing in its cache. Provider names are `kmip` or `kmip:name`. */
  async open(name: string, providers: Readonly<Record<string, Provider>>): Promise<void> {
    await this.well('open', { client: name, providers })
  }

  /** A call that must succeed. */
  async well<T>(call: string, args: object): Promise<T> {
    const answer = await this.call<T>(call, args)
    if ('error' in answer) throw new Error(`${call} failed: ${answer.error}`)
    return answer.result
  }

  /** A call that must fail; returns the message of the driver's error. */
  async refused(call: string, args: object): Promise<string> {
    const answer = await this.call(call, args)
    if ('result' in answer) throw new Error(`${call} went through, but should have been refused`)
    return answer.error
  }

  async call<T>(call: string, args: object): Promise<Answer<T>> {
    this.#process.write(`${JSON.stringify({ call, ...args })}\n`)
    const index = this.#answered++
    const line = await this.#process.until(() => completeLine(this.#process.stdout, index), call, answerMsMax)
    // The script prints exactly this form, one line a call.
    return JSON.parse(line) as Answer<T>
  }

  async stop(): Promise<void> {
    await this.#process.stop()
  }
}

function completeLine(text: string, index: number): string | undefined {
  const lines = text.split('\n')
  return index < lines.length - 1 ? lines[index] : undefined
}
