'use strict'
// Builds the native addon when npm installs the package. Runs under whatever Node npm has, so it is plain old JavaScript; it compiles for
// the Node that runs Krypton, against the headers that lie beside it: nothing is downloaded. It always ends well and says in one line
// what came of it: without the addon everything works, with keys held by JavaScript.

var childProcess = require('child_process')
var fs = require('fs')
var path = require('path')

var root = path.join(__dirname, '..')

var built = path.join(root, 'build', 'Release', 'krypton.node')

module.exports = { build: build, built: built, findNode: findNode, root: root }

if (require.main === module) {
  var outcome
  try {
    outcome = build()
  } catch (error) {
    outcome = 'not built (' + error.message + '); keys are held by JavaScript'
  }
  console.log('krypton: native addon ' + outcome)
}

// What came of it, as the end of a sentence. With `configure`, arguments for node-gyp, it is built in any case, in `folder` where one is given.
function build(configure, folder) {
  if (process.platform !== 'linux') return skipped('it needs Linux')
  var node = findNode()
  if (node === undefined) return skipped('there is no Node 24 with its headers')
  if (configure === undefined && isCurrent(built)) return 'built already'
  if (configure === undefined && isCurrent(prebuilt())) return 'found in the package'
  var tools = ['make', process.env.CXX || 'g++', 'python3']
  for (var i = 0; i < tools.length; i++) {
    if (!answers(tools[i])) return skipped('it needs ' + tools[i])
  }
  var nodeGyp = require.resolve('node-gyp/bin/node-gyp.js', { paths: [root] })
  var args = [nodeGyp, 'rebuild', '--nodedir=' + node.headers, '--jobs=max', '--loglevel=warn'].concat(configure || [])
  var run = childProcess.spawnSync(node.file, args, { cwd: folder || root, encoding: 'utf8', timeout: 300000 })
  if (run.status === 0) return 'built'
  // A file of an earlier build would look as if it were of this one.
  fs.rmSync(path.join(folder || root, 'build'), { recursive: true, force: true })
  var lines = String(run.stderr || run.error || '').split('\n')
  var first = lines.filter(function (line) {
    return /error/i.test(line)
  })[0]
  return skipped('the compiler failed: ' + (first || 'no output').trim())
}

function skipped(why) {
  return 'not built, ' + why + '; keys are held by JavaScript'
}

// True if what was built is there, and not older than what it is made of; in a package all files have one time.
function isCurrent(file) {
  if (!fs.existsSync(file)) return false
  var when = fs.statSync(file).mtimeMs
  return sources().every(function (source) {
    return fs.statSync(source).mtimeMs <= when
  })
}

function sources() {
  var files = [path.join(root, 'binding.gyp')]
  var folders = [path.join(root, 'native'), path.join(root, 'native', 'exports')]
  folders.forEach(function (folder) {
    fs.readdirSync(folder).forEach(function (name) {
      if (/\.(cc|h)$/.test(name)) files.push(path.join(folder, name))
    })
  })
  return files
}

function prebuilt() {
  return path.join(root, 'prebuilds', process.platform + '-' + process.arch, 'krypton.node')
}

// The Node that runs Krypton, as bin/krypton finds it, and the folder that has `include/node`.
function findNode() {
  var own = path.join('node-linux-' + process.arch, 'bin', 'node')
  var files = [path.join(root, 'node_modules', own), path.join(root, '..', own), process.execPath]
  for (var i = 0; i < files.length; i++) {
    var headers = path.join(path.dirname(files[i]), '..')
    if (fs.existsSync(files[i]) && fs.existsSync(path.join(headers, 'include', 'node', 'node_api.h'))) {
      if (isNewEnough(files[i])) return { file: files[i], headers: headers }
    }
  }
  return undefined
}

function isNewEnough(file) {
  var run = childProcess.spawnSync(file, ['--version'], { encoding: 'utf8' })
  return run.status === 0 && parseInt(run.stdout.replace(/^v/, ''), 10) >= 24
}

function answers(tool) {
  return childProcess.spawnSync(tool, ['--version'], { stdio: 'ignore' }).status === 0
}
