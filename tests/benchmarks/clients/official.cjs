// The official client, with the WebSocket of "ws": for each line of JSON, what to measure; its answer is what it took.
"use strict"

const readline = require("node:readline")
const {Socket} = require("phoenix")
const WebSocket = require("ws")

const options = {transport: WebSocket, timeout: 60000, reconnectAfterMs: () => 0, rejoinAfterMs: () => 0}

// what something took: what is returned ends it
function took(){
  if(global.gc){ global.gc() }
  const wall = process.hrtime.bigint()
  const cpu = process.cpuUsage()
  return () => {
    const used = process.cpuUsage(cpu)
    return {wall: Number(process.hrtime.bigint() - wall) / 1e9, cpu: (used.user + used.system) / 1e6}
  }
}

// joins all topics, and closes when what is done with the channels is done
async function withChannels(endpoint, topics, action){
  const socket = new Socket(endpoint, options)
  socket.connect()
  const channels = topics.map(topic => socket.channel(topic, {}))
  await Promise.all(channels.map(channel => new Promise(resolve => channel.join().receive("ok", resolve))))
  const result = await action(channels)
  await new Promise(resolve => socket.disconnect(resolve))
  return result
}

// a function to be called so many times, and a promise of that
function only(count){
  let called
  const all = new Promise(resolve => {
    let left = count
    called = () => { if(--left === 0){ resolve() } }
  })
  return [called, all]
}

const measures = {
  receive: ({endpoint, topics, frames, payload}) => withChannels(endpoint, topics, async channels => {
    const [told, allTold] = only(frames)
    channels.forEach(channel => channel.on("broadcast", told))
    const end = took()
    channels[0].push("flood", {frames, event: "broadcast", payload})
    await allTold
    return end()
  }),

  push: ({endpoint, topics, pushes}) => withChannels(endpoint, topics, async ([channel]) => {
    const durations = [], end = took()
    for(let number = 0; number < pushes; number++){
      const start = process.hrtime.bigint()
      await new Promise(resolve => channel.push("ping", {number}).receive("ok", resolve))
      durations.push(Number(process.hrtime.bigint() - start) / 1e9)
    }
    const all = end()
    return {wall: durations.sort((a, b) => a - b)[pushes >> 1], cpu: all.cpu / pushes, total: all.wall}
  }),

  burst: ({endpoint, topics, pushes, times}) => withChannels(endpoint, topics, async ([channel]) => {
    const end = took()
    for(let time = 0; time < times; time++){
      const [replied, allReplied] = only(pushes)
      for(let number = 0; number < pushes; number++){ channel.push("ping", {number}).receive("ok", replied) }
      await allReplied
    }
    return end()
  }),

  rejoin: ({endpoint, topics}) => withChannels(endpoint, topics, async channels => {
    let lost = false
    const [joined, allJoined] = only(topics.length)
    // "ok" of the join in force is told at once, and that of each later one
    channels.forEach(channel => channel.joinPush.receive("ok", () => { if(lost){ joined() } }))
    lost = true
    const end = took()
    channels[0].push("drop", {})
    await allJoined
    return end()
  }),
}

readline.createInterface({input: process.stdin}).on("line", async line => {
  const {measure, ...request} = JSON.parse(line)
  console.log(JSON.stringify(await measures[measure](request)))
})
