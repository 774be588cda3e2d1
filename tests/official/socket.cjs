// The official client's Socket, told by lines of JSON what to do; each is answered by a line.
//
//   ["connect", url, {transport, ...options}]   ["join", topic, params]        ["push", topic, event, payload, timeout]
//   ["leave", topic]                            ["disconnect", code, reason]   ["ping"]
//   ["heard", kind]   the next of what has happened of that kind, once there is one: an array of what is said of it
"use strict"

const readline = require("node:readline")
const {LongPoll, Presence, Socket} = require("phoenix")

const PATIENCE = 20000
const happened = {}
const waiting = {}
const channels = {}
let socket

const write = answer => console.log(JSON.stringify(
  answer, (_key, value) => value instanceof ArrayBuffer ? {bytes: [...new Uint8Array(value)]} : value
))

// what is undefined is null here, as JSON has it
function happens(kind, ...what){
  what = what.map(each => each === undefined ? null : each)
  if(waiting[kind]){ waiting[kind](what) } else { (happened[kind] ||= []).push(what) }
}

function hear(kind){
  if(happened[kind] && happened[kind].length){ return write(happened[kind].shift()) }
  const timer = setTimeout(() => {
    throw new Error(`no ${kind} within ${PATIENCE} ms; what happened beside: ${JSON.stringify(happened)}`)
  }, PATIENCE)
  waiting[kind] = what => {
    clearTimeout(timer)
    delete waiting[kind]
    write(what)
  }
}

const payloadOf = given => given && given.bytes ? new Uint8Array(given.bytes).buffer : given
const metasOf = presence => presence && presence.metas.map(({phx_ref, phx_ref_prev, ...meta}) => meta)

const commands = {
  connect(url, {transport, ...options}){
    socket = new Socket(url, {
      transport: transport === "longpoll" ? LongPoll : WebSocket,
      reconnectAfterMs: () => 20,
      rejoinAfterMs: () => 20,
      ...options,
    })
    socket.onOpen(() => happens("open", socket.transport === LongPoll ? "longpoll" : "websocket"))
    socket.onClose(({code, wasClean}) => happens("close", code, wasClean))
    socket.onError(error => happens("error", typeof error === "number" ? error : "an event"))
    socket.connect()
  },
  join(topic, params){
    const channel = channels[topic] = socket.channel(topic, params)
    channel.onMessage = (event, payload) => {
      if(!event.startsWith("phx_") && !event.startsWith("chan_reply_")){ happens("message", topic, event, payload) }
      return payload
    }
    channel.onError(reason => happens("crash", topic, reason))
    channel.onClose(reason => happens("end", topic, reason))
    const presence = new Presence(channel)
    presence.onJoin((key, current, changed) => happens("presence", "join", key, metasOf(current), metasOf(changed)))
    presence.onLeave((key, current, changed) => happens("presence", "leave", key, metasOf(current), metasOf(changed)))
    presence.onSync(() => happens("list", Object.fromEntries(presence.list((key, each) => [key, metasOf(each)]))))
    const joined = channel.join()
    for(const status of ["ok", "error", "timeout"]){ joined.receive(status, response => happens("join", status, response)) }
  },
  push(topic, event, payload, timeout){
    const pushed = channels[topic].push(event, payloadOf(payload), timeout)
    for(const status of ["ok", "error", "timeout"]){ pushed.receive(status, response => happens("reply", status, response)) }
  },
  leave(topic){ channels[topic].leave().receive("ok", () => happens("left", topic)) },
  disconnect(code, reason){ socket.disconnect(() => happens("disconnected"), code, reason) },
  ping(){ socket.ping(milliseconds => happens("pong", typeof milliseconds)) },
}

readline.createInterface({input: process.stdin}).on("line", line => {
  const [command, ...given] = JSON.parse(line)
  if(command === "heard"){ return hear(...given) }
  commands[command](...given)
  write(null)
})
