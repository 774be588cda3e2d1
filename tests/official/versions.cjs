// Answers any line with what there is to run: for the test of the installation.
"use strict"

const fs = require("node:fs")
const path = require("node:path")
const readline = require("node:readline")
const {LongPoll, Presence, Socket} = require("phoenix")

const {version} = JSON.parse(fs.readFileSync(path.join(path.dirname(require.resolve("phoenix")), "../../package.json")))

readline.createInterface({input: process.stdin}).on("line", line => {
  const request = JSON.parse(line)
  if(request === "fail"){ throw new Error("as it was asked to") }
  const kinds = [Presence, Socket, LongPoll, globalThis.WebSocket, globalThis.fetch].map(each => typeof each)
  console.log(JSON.stringify({version, kinds, request}))
})
