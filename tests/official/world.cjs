// The official client in a world without real time: a clock, a WebSocket and an XMLHttpRequest that do as they are told.
// Each line of JSON is one thing that happens, at an instant in milliseconds; the answer is what the client did of it,
// and when its next timer is due. official_play.py is the other end.
"use strict"

const readline = require("node:readline")
const {LongPoll, Presence, Socket} = require("phoenix")

let world = null

class World {
  constructor(closesAfter){
    this.closesAfter = closesAfter
    this.now = 0
    this.wall = 0
    this.timers = new Map()
    this.numbers = 0
    this.things = new Map()
    this.happened = []
    this.socket = null
    this.channels = new Map()
    this.released = new Set()
  }

  note(what){ this.happened.push(what) }

  tell(...words){ this.note({told: words.map(each => typeof each === "string" ? each : shown(each)).join(" ")}) }

  add(thing){
    this.things.set(++this.numbers, thing)
    return this.numbers
  }

  // what the client does not catch is not caught by anybody in a browser either
  attempt(action){
    try {
      action()
    } catch(error){
      this.tell("threw", error.name)
    }
  }

  timer(action, milliseconds){
    const timer = {due: this.now + Math.max(0, milliseconds || 0), number: ++this.numbers, action}
    this.timers.set(timer.number, timer)
    return timer.number
  }

  next(){
    let next = null
    for(const timer of this.timers.values()){
      if(next === null || timer.due < next.due || (timer.due === next.due && timer.number < next.number)){ next = timer }
    }
    return next
  }

  runTimers(){
    for(let timer = this.next(); timer !== null && timer.due <= this.now; timer = this.next()){
      this.timers.delete(timer.number)
      this.attempt(timer.action)
    }
  }
}

globalThis.setTimeout = (action, milliseconds) => world.timer(action, milliseconds)
globalThis.clearTimeout = number => { world && world.timers.delete(number) }
Date.now = () => world.wall
const print = console.log
console.log = () => {} // the client has a word to say to people

const isBytes = value => value instanceof ArrayBuffer
const toBytes = base64 => Uint8Array.from(Buffer.from(base64, "base64")).buffer
const toBase64 = bytes => Buffer.from(bytes).toString("base64")
const shown = value => isBytes(value) ? `bytes ${Buffer.from(value).toString("hex")}` : JSON.stringify(value ?? null)

class WebSocket {
  constructor(url, protocols){
    this.readyState = 0
    this.bufferedAmount = 0
    this.number = world.add(this)
    world.note({connect: this.number, url, protocols: protocols || null})
  }

  send(data){
    world.note(isBytes(data) ? {send: this.number, bytes: toBase64(data)} : {send: this.number, text: data})
  }

  close(code, reason){
    if(this.readyState > 1){ return }
    world.note(this.readyState === 0 ? {drop: this.number} : {close: this.number, code: code || null, reason: reason || ""})
    // one that takes no time is over when the client first looks; its event is still one of its own
    this.readyState = world.closesAfter === 0 ? 3 : 2
    if(world.closesAfter !== null){ world.timer(() => this.end(code || 1005, reason || ""), world.closesAfter) }
  }

  end(code, reason){
    this.readyState = 3
    this.onclose({code, reason, wasClean: true})
  }

  opened(){
    this.readyState = 1
    this.onopen({})
  }

  received(data){ if(this.readyState === 1){ this.onmessage({data}) } }

  lost(code, reason){
    if(this.readyState > 2){ return }
    this.readyState = 3
    if(code === 1006){ world.attempt(() => this.onerror({})) }
    this.onclose({code, reason, wasClean: code !== 1006})
  }
}

class XMLHttpRequest {
  open(method, url){
    this.method = method
    this.url = url
    this.headers = {}
    this.readyState = 1
    this.responseText = ""
  }

  setRequestHeader(name, value){ this.headers[name] = value }

  send(body){
    this.number = world.add(this)
    world.note({request: this.number, method: this.method, url: this.url, headers: this.headers, body: body || ""})
    if(this.timeout){ this.timer = world.timer(() => this.end("", this.ontimeout), this.timeout) }
  }

  // as the standard has it, the end of a request is told before how it ended
  end(text, then){
    if(this.readyState === 4){ return }
    world.timers.delete(this.timer)
    this.readyState = 4
    this.responseText = text
    world.attempt(() => this.onreadystatechange())
    if(then){ world.attempt(() => then()) }
  }

  abort(){
    if(this.readyState !== 4){ world.note({abort: this.number}) }
    this.end("", null)
  }

  answered(text){ this.end(text, null) }

  failed(){ this.end("", this.onerror) }
}

globalThis.XMLHttpRequest = XMLHttpRequest

// what is given for a function counts how often it was called
function provided(given){
  if(given === null || given === undefined || given.count === undefined){ return given }
  let calls = 0
  return () => {
    if(++calls === given.raises_at){ throw new Error("a function raised") }
    return given.count === "text" ? `${calls}` : {[given.count]: calls}
  }
}

const steps = given => given === null ? undefined : tries => given[Math.min(tries, given.length) - 1]

function begin(options){
  world = new World(options.closes_after)
  const stored = new Map(options.remembered ? [["phx:fallback:LongPoll", "true"]] : [])
  world.socket = new Socket("ws://phoenix.test/socket", {
    transport: options.transport === "longpoll" ? LongPoll : WebSocket,
    longPollFallbackMs: options.transport === "fallback" ? options.fallback_after : undefined,
    sessionStorage: {getItem: key => stored.get(key) || null, setItem: (key, value) => stored.set(key, value)},
    params: provided(options.params) || undefined,
    authToken: provided(options.auth_token) || undefined,
    timeout: options.timeout,
    heartbeatIntervalMs: options.heartbeat_interval,
    reconnectAfterMs: steps(options.reconnect_after),
    rejoinAfterMs: steps(options.rejoin_after),
  })
}

const takes = {
  connect(){ world.socket.connect() },

  disconnect({code, reason}){ world.socket.disconnect(undefined, code || undefined, reason || undefined) },

  reconnect(){ world.socket.disconnect(() => world.socket.connect()) },

  ping(){ world.socket.ping(milliseconds => world.tell("pong", `${milliseconds}`)) },

  join({handle, topic, params, timeout}){
    const name = handle || topic
    const channel = world.socket.channel(topic, provided(params) || undefined)
    world.channels.set(name, channel)
    channel.onMessage = (event, payload) => {
      // without a name it is the timeout of a join that is over, which reaches nobody
      if(event !== null && !/^(phx_|chan_reply_)/.test(event)){ world.tell(name, "got", event, payload) }
      return payload
    }
    channel.onClose(() => { if(!world.released.has(channel)){ world.tell(name, "closed") } })
    channel.join(timeout || undefined)
      .receive("ok", response => world.tell(name, "joined", response))
      .receive("error", response => world.tell(name, "refused", response))
      .receive("timeout", () => world.tell(name, "timed out"))
  },

  join_again({handle}){ world.channels.get(handle).join() },

  leave({handle, told}){
    const push = world.channels.get(handle).leave()
    if(told){ push.receive("ok", () => world.tell(handle, "left")) }
  },

  release({handle}){
    world.released.add(world.channels.get(handle))
    world.channels.get(handle).leave()
  },

  push({handle, event, payload, bytes, timeout, times}){
    // a push needs a channel; one that was never joined is made for it
    const channel = world.channels.get(handle) || world.socket.channel(handle)
    for(let n = 0; n < times; n++){
      const push = channel.push(event, bytes === null ? payload : toBytes(bytes), timeout || undefined)
      for(const status of ["ok", "error", "busy"]){
        push.receive(status, response => world.tell(handle, event, status, response))
      }
      push.receive("timeout", () => world.tell(handle, event, "timeout"))
    }
  },

  listen({handle, event, raises}){
    world.channels.get(handle).on(event, payload => {
      world.tell(handle, "heard", event, payload)
      if(raises){ throw new Error("an observer raised") }
    })
  },

  presence({handle, state, diff}){
    const presence = new Presence(world.channels.get(handle), {events: {state, diff}})
    presence.onJoin(key => world.tell(handle, "came", key))
    presence.onLeave(key => world.tell(handle, "went", key))
    presence.onSync(() => {
      world.tell(handle, "present", Object.fromEntries(presence.list((key, {metas, ...fields}) => [key, {metas, ...fields}])))
    })
  },
}

const happens = {
  step(given){ takes[given.do](given) },
  wake(){ world.runTimers() },
  opened(number){ world.things.get(number).opened() },
  received({line, text, bytes}){ world.things.get(line).received(bytes === null ? text : toBytes(bytes)) },
  lost({line, code, reason}){ world.things.get(line).lost(code, reason) },
  answered({request, text}){ world.things.get(request).answered(text) },
  failed(number){ world.things.get(number).failed() },
}

readline.createInterface({input: process.stdin}).on("line", line => {
  const {at, wall, what, given} = JSON.parse(line)
  if(what === "begin"){
    begin(given)
  } else {
    world.now = at
    world.wall = wall
    world.happened = []
    world.attempt(() => happens[what](given))
  }
  const next = world.next()
  print(JSON.stringify({happened: world.happened, next: next === null ? null : next.due}))
})
