// What the official client's Presence makes of a sequence of events: for each line of JSON, a list of
// ["state", payload], ["diff", payload] and ["rejoin"], what was called and what list() gives after each.
"use strict"

const readline = require("node:readline")
const {Presence} = require("phoenix")

class Channel {
  constructor(){
    this.joins = 1
    this.observers = {}
  }

  on(event, callback){ this.observers[event] = callback }

  joinRef(){ return `${this.joins}` }
}

// told at once: the objects of a presence may change later
const copy = value => value === undefined ? null : JSON.parse(JSON.stringify(value))

function run({events, dropLeftovers}){
  const channel = new Channel()
  const presence = new Presence(channel)
  let calls = []
  presence.onJoin((...given) => calls.push(["join", ...given.map(copy)]))
  presence.onLeave((...given) => calls.push(["leave", ...given.map(copy)]))
  presence.onSync(() => calls.push(["sync"]))
  return events.map(([kind, payload]) => {
    calls = []
    if(kind === "rejoin"){
      channel.joins++
      if(dropLeftovers){ presence.pendingDiffs = [] }
    } else {
      channel.observers[`presence_${kind}`](payload)
    }
    return {calls, list: copy(presence.list((key, entry) => [key, entry]))}
  })
}

readline.createInterface({input: process.stdin}).on("line", line => {
  console.log(JSON.stringify(run(JSON.parse(line))))
})
