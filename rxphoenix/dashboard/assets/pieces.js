// What a browser draws of the pieces. Each look is the whole of what is shown, so that a page may miss any of them.
// What comes from outside is only ever put in as text.

const COLOURS = ["#3b82f6", "#f59e0b", "#10b981", "#ef4444", "#a855f7", "#06b6d4", "#ec4899", "#84cc16"]

export function render({model, view}) {
  const piece = element("section", {class: `card ${model.kind}`})
  const draw = PIECES[model.kind](piece, (words) => model.send_msg(words))
  let isDue = false, drawn = 0, again
  function told(words) {
    model.send_msg({drawn, ...words})
    listen()
  }
  function listen() {
    clearTimeout(again)
    // In a notebook what is sent while its connection is made is lost, in either direction.
    again = setTimeout(() => document.hidden ? listen() : told({again: true}), 2000)
  }
  function update() {
    if (isDue) return
    isDue = true
    // A tab that nobody looks at has no frames: it does not answer, and is sent nothing meanwhile.
    requestAnimationFrame(() => {
      isDue = false
      const {number, look} = JSON.parse(model.look)
      try {
        draw(look)
      } finally {
        drawn = number
        told()
      }
    })
  }
  model.on("look", update)
  model.on("remove", () => clearTimeout(again))
  update()
  comeBack(view.model.document)
  const frame = element("div")
  frame.append(element("style", {}, CSS), piece)
  return frame
}

// -- a server that was restarted ------------------------------------------------------------------------------------

const watched = new WeakSet()

function comeBack(document) {
  if (!document || watched.has(document)) return
  watched.add(document)
  // What this page shows is known to a server that is gone: the page begins anew, and so Bokeh need not try.
  document.config?.setv({reconnect_session: false, notify_connection_status: false}, {sync: false})
  document.on_event("connection_lost", async () => {
    const note = element("div", {role: "status"}, "The dashboard is away. This page comes back when it does.")
    note.style.cssText = "position:fixed;z-index:1000;inset:0 0 auto 0;padding:10px 16px;background:#b45309;" +
      "color:#fff;font:600 14px/1.4 system-ui,sans-serif;text-align:center"
    globalThis.document.body.append(note)
    do await new Promise((resolve) => setTimeout(resolve, 500)); while (!await isThere())
    location.reload()
  })
}

async function isThere() {
  try {
    return (await fetch("favicon.ico", {cache: "no-store"})).status < 500
  } catch {
    return false
  }
}

// -- what pieces are made of ----------------------------------------------------------------------------------------

function element(name, attributes = {}, ...content) {
  const made = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value)
    else if (value !== false && value != null) made.setAttribute(key, value === true ? "" : value)
  }
  made.append(...content.flat().filter((each) => each != null))
  return made
}

function drawing(name, attributes = {}, ...content) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...content)
  return made
}

const badge = (state) => element("span", {class: `badge ${state}`}, state)
const count = (number) => number.toLocaleString("en")
const clock = (at) => new Date(at).toLocaleTimeString("en-GB")
const clockExactly = (at) => `${clock(at)}.${String(Math.floor(at % 1000)).padStart(3, "0")}`
const milliseconds = (number) => number == null ? "–" : `${number < 10 ? number.toFixed(1) : Math.round(number)} ms`

function lasting(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  return minutes < 60 ? `${minutes} m ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} m`
}

function head(title) {
  const figure = element("span", {class: "figure"})
  return [element("header", {}, element("h2", {}, title), figure), figure]
}

const ended = (why) => why == null ? null : element("p", {class: "ended"}, `ended: ${why}`)

function columns(...names) {
  return element("tr", {}, names.map(([name, kind]) => element("th", {class: kind}, name)))
}

// What somebody has typed outlives a page that is loaded anew.
function remembered(name, input, otherwise) {
  const key = `rxphoenix ${location.pathname} ${name}`
  input.value = sessionStorage.getItem(key) ?? otherwise
  input.addEventListener("input", () => sessionStorage.setItem(key, input.value))
  return input
}

function labelled(words, input, kind) {
  return element("label", {class: kind}, element("span", {}, words), input)
}

function json(text, leftOut) {
  let value
  try {
    value = JSON.parse(text)
  } catch {
    return element("div", {class: "json mono"}, text, leftOut ? ` … and ${count(leftOut)} characters more` : null)
  }
  return element("div", {class: "json mono"}, tree(value, 0))
}

function tree(value, depth) {
  if (value === null || typeof value !== "object") {
    const kind = typeof value === "string" ? "string" : typeof value === "number" ? "number" : "word"
    return element("span", {class: kind}, JSON.stringify(value))
  }
  const entries = Object.entries(value)
  const [left, right] = Array.isArray(value) ? "[]" : "{}"
  if (!entries.length) return element("span", {}, left + right)
  const summary = element("summary", {}, `${left} ${entries.length} ${right}`)
  const details = element("details", {open: depth < 2}, summary)
  function fill() {
    if (!details.open || details.childElementCount > 1) return
    for (const [key, each] of entries) {
      details.append(element("div", {}, element("span", {class: "key"}, key), ": ", tree(each, depth + 1)))
    }
  }
  details.addEventListener("toggle", fill)
  fill()
  return details
}

// -- the pieces: each takes an empty section and a way to tell its instrument, and gives back how to draw a look -----

const PIECES = {
  state_timeline(piece) {
    const [header, figure] = head("Connection over time")
    const bar = element("div", {class: "bar"})
    const since = element("span")
    const faults = element("ul", {class: "faults"})
    piece.append(header, bar, element("div", {class: "axis"}, since, element("span", {}, "now")), faults)
    return (look) => {
      const place = (at) => 100 * (1 - (look.now - at) / look.span)
      const last = look.spans.at(-1)
      figure.replaceChildren(badge(last.state), ` for ${lasting(look.now - last.since)}`)
      bar.replaceChildren(
        ...look.spans.map((span) => {
          const left = Math.max(0, place(span.since))
          const title = `${span.state}, ${clock(span.since)} to ${clock(span.until)}`
          const style = `left:${left}%;width:${Math.max(0, place(span.until) - left)}%`
          return element("i", {class: span.state, title, style})
        }),
        ...look.faults.map((fault) =>
          element("b", {style: `left:${place(fault.at)}%`, title: `${clock(fault.at)} ${fault.text}`})),
      )
      since.textContent = `${Math.round(look.span / 60000)} minutes ago`
      faults.replaceChildren(...look.faults.slice(-3).reverse().map((fault) =>
        element("li", {}, element("span", {class: "soft"}, clock(fault.at)), element("span", {}, fault.text))))
    }
  },

  round_trip_chart(piece) {
    const [header, figure] = head("Round trips")
    const most = element("span", {class: "most"})
    const line = drawing("polyline", {stroke: COLOURS[0]})
    const svg = drawing("svg", {viewBox: "0 0 100 100", preserveAspectRatio: "none"},
      drawing("line", {x1: 0, x2: 100, y1: 0, y2: 0}), drawing("line", {x1: 0, x2: 100, y1: 100, y2: 100}), line)
    const since = element("span")
    const summary = element("span")
    piece.append(header, element("div", {class: "plot"}, svg, most),
      element("div", {class: "axis"}, element("span", {class: "optional"}, since), summary,
        element("span", {class: "optional"}, "now")))
    return (look) => {
      const top = Math.max(1, look.longest ?? 0) * 1.1
      line.setAttribute("points", look.points.map(([at, took]) =>
        `${100 * (1 - (look.now - at) / look.span)},${100 * (1 - took / top)}`).join(" "))
      figure.replaceChildren(element("b", {}, milliseconds(look.points.at(-1)?.[1])))
      most.textContent = look.points.length ? milliseconds(top) : "no answer yet"
      since.textContent = `${Math.round(look.span / 60000)} minutes ago`
      summary.textContent = `min ${milliseconds(look.shortest)} · median ${milliseconds(look.median)} · ` +
        `max ${milliseconds(look.longest)}`
    }
  },

  rate_chart(piece) {
    const [header, figure] = head("Messages a second")
    const most = element("span", {class: "most"})
    const lines = drawing("g")
    const at = drawing("line", {class: "at", y1: 0, y2: 100, visibility: "hidden"})
    const svg = drawing("svg", {viewBox: "0 0 100 100", preserveAspectRatio: "none"},
      drawing("line", {x1: 0, x2: 100, y1: 0, y2: 0}), drawing("line", {x1: 0, x2: 100, y1: 100, y2: 100}), lines, at)
    const plot = element("div", {class: "plot"}, svg, most)
    const since = element("span")
    const until = element("span")
    const table = element("table")
    const end = element("div")
    piece.append(header, plot, element("div", {class: "axis"}, since, until), table, end)
    let latest = null
    let pointed = null
    plot.addEventListener("pointermove", (event) => {
      const {left, width} = plot.getBoundingClientRect()
      pointed = Math.min(1, Math.max(0, (event.clientX - left) / width))
      if (latest) draw(latest)
    })
    plot.addEventListener("pointerleave", () => {
      pointed = null
      if (latest) draw(latest)
    })
    function draw(look) {
      latest = look
      const seconds = look.series[0]?.seconds.length ?? 60
      const second = pointed === null ? seconds - 1 : Math.round(pointed * (seconds - 1))
      const top = Math.max(1, ...look.series.flatMap((series) => series.seconds))
      figure.replaceChildren(element("b", {}, count(look.rate)), ` a second · ${count(look.total)} in all`)
      most.textContent = count(top)
      lines.replaceChildren(...look.series.map((series) => drawing("polyline", {
        stroke: COLOURS[series.slot % COLOURS.length],
        points: series.seconds.map((each, index) =>
          `${100 * index / (seconds - 1)},${100 - 100 * each / top}`).join(" "),
      })).reverse())
      at.setAttribute("visibility", pointed === null ? "hidden" : "visible")
      at.setAttribute("x1", 100 * second / (seconds - 1))
      at.setAttribute("x2", 100 * second / (seconds - 1))
      since.textContent = `${seconds} s ago`
      until.textContent = pointed === null ? "now" : `at ${clock(look.until - (seconds - second) * 1000)}`
      table.replaceChildren(
        columns(["topic"], ["event"], ["a second", "number"], ["in all", "number"]),
        ...look.series.map((series) => element("tr", {},
          element("td", {}, element("span", {
            class: "swatch", style: `background:${COLOURS[series.slot % COLOURS.length]}`,
          }), series.topic || "–"),
          element("td", {}, series.event || "values"),
          element("td", {class: "number"}, count(series.seconds[second])),
          element("td", {class: "number total"}, count(series.total)))),
        look.more[0] ? element("tr", {}, element("td", {class: "soft", colspan: 3}, `and ${count(look.more[0])} more`),
          element("td", {class: "number"}, count(look.more[1]))) : "",
      )
      end.replaceChildren(ended(look.ended) ?? "")
    }
    return draw
  },

  message_log(piece, tell) {
    const [header, figure] = head("Messages")
    const filter = remembered("filter", element("input", {
      type: "search", placeholder: "words in topic, event or payload", "aria-label": "filter",
    }), "")
    filter.addEventListener("input", () => tell({filter: filter.value}))
    if (filter.value) tell({filter: filter.value})
    let isPaused = false
    const pause = element("button", {type: "button", onclick: () => tell({pause: !isPaused})}, "Pause")
    const rows = element("ul", {class: "rows"})
    const end = element("div")
    piece.append(header, element("div", {class: "tools"}, filter, pause), rows, end)
    const shown = new Map()
    let opened = null
    function row(look) {
      const button = element("button", {
        class: "row mono", type: "button", "aria-expanded": "false",
        onclick: () => tell({open: opened === look.number ? null : look.number}),
      },
      element("span", {class: "soft"}, clockExactly(look.at)), element("span", {class: "topic soft"}, look.topic),
      element("span", {class: "event"}, look.event), element("span", {class: "text"}, look.text))
      return element("li", {}, button)
    }
    return (look) => {
      isPaused = look.paused
      pause.textContent = isPaused ? "Go on" : "Pause"
      figure.replaceChildren(element("b", {class: "matching"}, count(look.matching)),
        look.filter.trim() ? ` of ${count(look.total)} match` : " in all")
      const numbers = new Set(look.rows.map((each) => each.number))
      for (const [number, item] of shown) {
        if (!numbers.has(number)) {
          item.remove()
          shown.delete(number)
        }
      }
      let above = null // the newest is the first
      for (const each of look.rows.toReversed()) {
        let item = shown.get(each.number)
        if (!item) {
          item = row(each)
          shown.set(each.number, item)
        }
        const place = above ? above.nextElementSibling : rows.firstElementChild
        if (place !== item) rows.insertBefore(item, place)
        above = item
      }
      const now = look.opened?.number ?? null
      if (now !== opened) {
        const before = shown.get(opened)
        before?.querySelector(".json")?.remove()
        before?.firstElementChild.setAttribute("aria-expanded", "false")
        opened = now
      }
      const item = shown.get(opened)
      if (item && item.childElementCount === 1) {
        item.firstElementChild.setAttribute("aria-expanded", "true")
        item.append(look.opened.text === null
          ? element("div", {class: "json soft"}, "this message is not kept any more")
          : json(look.opened.text, look.opened.left_out))
      }
      end.replaceChildren(ended(look.ended) ?? "")
    }
  },

  presence_table(piece) {
    const [header, figure] = head("Present")
    const table = element("table")
    const changes = element("table")
    const end = element("div")
    piece.append(header, element("div", {class: "sides"}, element("div", {}, table), element("div", {}, changes)), end)
    return (look) => {
      figure.replaceChildren(element("b", {}, count(look.size)), look.synced ? " present" : " when last heard of")
      table.replaceChildren(columns(["who"], ["devices", "number"], ["what is known"]),
        ...look.entries.map((entry) => element("tr", {},
          element("td", {class: "key"}, entry.key), element("td", {class: "number"}, count(entry.metas.length)),
          element("td", {class: "mono soft"}, entry.metas.join(" ")))))
      if (look.size > look.entries.length) {
        table.append(element("tr", {}, element("td", {class: "soft", colspan: 3},
          `and ${count(look.size - look.entries.length)} more`)))
      }
      changes.replaceChildren(columns(["comes and goes"], ["", "number"]),
        ...look.changes.map((change) => element("tr", {},
          element("td", {}, element("span", {class: `badge ${change.kind}`}, change.key), " ",
            element("span", {class: "soft"}, change.kind === "update" ? "changes"
              : change.kind === "join" ? (change.is_only ? "comes" : "one device more")
              : (change.is_only ? "goes" : "one device less"))),
          element("td", {class: "number soft"}, clock(change.at)))))
      end.replaceChildren(ended(look.ended) ?? "")
    }
  },

  channel_table(piece) {
    const [header, figure] = head("Channels")
    const table = element("table")
    piece.append(header, table)
    return (look) => {
      const joined = look.channels.filter((channel) => channel.state === "joined").length
      figure.replaceChildren(element("b", {}, `${joined}/${look.channels.length}`), " joined")
      table.replaceChildren(columns(["topic"], ["state"], ["joins", "number optional"], ["what went wrong last"]),
        ...look.channels.map((channel) => element("tr", {},
          element("td", {class: "key"}, channel.topic),
          element("td", {}, badge(channel.state), " ",
            element("span", {class: "soft optional"}, lasting(look.now - channel.since))),
          element("td", {class: "number optional"}, count(channel.joins)),
          element("td", {}, channel.error === null ? element("span", {class: "soft"}, "nothing")
            : [element("span", {class: "soft"}, clock(channel.error_at)), ` ${channel.error}`]))))
    }
  },

  push_form(piece, tell) {
    const [header] = head("Push")
    const topic = element("select")
    const event = remembered("event", element("input", {required: true, spellcheck: "false"}), "new_msg")
    const payload = remembered("payload", element("textarea", {class: "mono", spellcheck: "false"}), "{\"body\": \"hello\"}")
    const problem = element("span", {class: "ended", role: "alert"})
    const form = element("form", {onsubmit: (submitted) => {
      submitted.preventDefault()
      tell({push: {topic: topic.value, event: event.value, payload: payload.value}})
    }},
    labelled("topic", topic), labelled("event", event),
    labelled("payload, as JSON", payload, "wide"),
    element("div", {class: "wide send"}, element("button", {class: "main"}, "Push"), problem))
    const place = element("div")
    piece.append(header, form, place)
    let shown = null
    return (look) => {
      if (topic.options.length !== look.topics.length) {
        topic.replaceChildren(...look.topics.map((each) => element("option", {}, each)))
      }
      problem.textContent = look.problem ?? ""
      const now = JSON.stringify(look.reply)
      if (now === shown) return // what somebody has opened of the reply stays open
      shown = now
      const reply = look.reply
      if (!reply) return place.replaceChildren()
      const status = reply.outcome === "replied" ? reply.status : reply.outcome
      place.replaceChildren(element("div", {class: "reply", role: "status"},
        element("p", {}, element("span", {class: `badge ${status}`}, status),
          element("span", {class: "soft"}, `${reply.event} to ${reply.topic}`),
          reply.outcome === "waiting" ? null : element("span", {class: "soft"}, milliseconds(reply.seconds * 1000))),
        reply.outcome === "waiting" ? null : json(reply.text, 0)))
    }
  },

  connection_buttons(piece, tell) {
    const state = element("span")
    const where = element("span", {class: "soft mono"})
    const disconnect = element("button", {type: "button", onclick: () => tell({do: "disconnect"})}, "Disconnect")
    const reconnect = element("button", {type: "button", onclick: () => tell({do: "reconnect"})}, "Reconnect")
    piece.append(element("header", {}, state, where, element("span", {class: "buttons"}, disconnect, reconnect)))
    return (look) => {
      state.replaceChildren(badge(look.state))
      where.textContent = look.endpoint
      disconnect.disabled = reconnect.disabled = look.ended
    }
  },
}
