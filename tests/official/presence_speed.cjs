// How long the official client's Presence takes for differences, with list() at each sync: for each line of JSON
// {state, diffs}, the seconds for all differences and the length of the last list.
"use strict"

const readline = require("node:readline")
const {Presence} = require("phoenix")

function run({state, diffs}){
  const observers = {}
  const presence = new Presence({on: (event, callback) => { observers[event] = callback }, joinRef: () => "1"})
  let listed = 0
  presence.onSync(() => { listed = presence.list().length })
  observers.presence_state(state)
  const start = process.hrtime.bigint()
  for(const diff of diffs){ observers.presence_diff(diff) }
  return {seconds: Number(process.hrtime.bigint() - start) / 1e9, listed}
}

readline.createInterface({input: process.stdin}).on("line", line => {
  console.log(JSON.stringify(run(JSON.parse(line))))
})
