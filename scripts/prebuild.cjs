'use strict'
// Builds the addon and puts it into prebuilds/<platform>-<arch>/, from where the package brings it to machines without a compiler: for this
// machine, or with --arch arm64 (or x64) for the other kind, by Debian's cross compiler. npm runs this before `npm run build` too: a machine
// that cannot build the addon makes a package without one, and says so; with --required it fails.

var fs = require('fs')
var os = require('os')
var path = require('path')
var addon = require('./build-addon.cjs')

// The name by which compilers for a processor are called.
var triplets = { arm64: 'aarch64-linux-gnu', x64: 'x86_64-linux-gnu' }

var args = process.argv.slice(2)
var at = args.indexOf('--arch')
var arch = at === -1 ? process.arch : args[at + 1]
if (triplets[arch] === undefined) {
  console.error('krypton: --arch takes ' + Object.keys(triplets).join(' or '))
  process.exit(2)
}

var folder = path.join(addon.root, 'prebuilds', process.platform + '-' + arch)
var outcome = arch === process.arch ? addon.build() : cross(triplets[arch])
if (arch === process.arch) keep(addon.built)
if (!/^(built|found)/.test(outcome)) {
  console.log('krypton: native addon ' + outcome)
  if (args.indexOf('--required') !== -1) process.exitCode = 1
}

// In a copy of what it is made of: the folder `build` holds what this machine runs.
function cross(triplet) {
  var copy = fs.mkdtempSync(path.join(os.tmpdir(), 'krypton-prebuild-'))
  try {
    fs.cpSync(path.join(addon.root, 'native'), path.join(copy, 'native'), { recursive: true })
    fs.copyFileSync(path.join(addon.root, 'binding.gyp'), path.join(copy, 'binding.gyp'))
    fs.symlinkSync(path.join(addon.root, 'node_modules'), path.join(copy, 'node_modules'))
    process.env.CC = triplet + '-gcc'
    process.env.CXX = process.env.LINK = triplet + '-g++'
    process.env.AR = triplet + '-ar'
    var outcome = addon.build(['--arch=' + arch], copy)
    keep(path.join(copy, 'build', 'Release', 'krypton.node'))
    return outcome
  } finally {
    fs.rmSync(copy, { recursive: true, force: true })
  }
}

function keep(built) {
  if (!fs.existsSync(built)) return
  var file = path.join(folder, 'krypton.node')
  fs.mkdirSync(folder, { recursive: true })
  fs.copyFileSync(built, file)
  console.log('krypton: ' + path.relative(addon.root, file) + ', ' + fs.statSync(file).size + ' bytes')
}
