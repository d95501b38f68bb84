'use strict'
// Builds the addon and puts it into prebuilds/<platform>-<arch>/, from where the package brings it to machines without a compiler. Each
// platform is built on a machine of its kind. npm runs this before `npm run build` too: a machine that cannot build the addon makes a
// package without one, and says so; with --required it fails.

var fs = require('fs')
var path = require('path')
var addon = require('./build-addon.cjs')

var outcome = addon.build()
if (fs.existsSync(addon.built)) {
  var folder = path.join(addon.root, 'prebuilds', process.platform + '-' + process.arch)
  var file = path.join(folder, 'krypton.node')
  fs.mkdirSync(folder, { recursive: true })
  fs.copyFileSync(addon.built, file)
  console.log('krypton: ' + path.relative(addon.root, file) + ', ' + fs.statSync(file).size + ' bytes')
} else {
  console.log('krypton: native addon ' + outcome)
  if (process.argv.indexOf('--required') !== -1) process.exitCode = 1
}
