// Tollgate's plugin for opencode: each call of a tool is put to `tollgate hook opencode`, and what is not allowed in so many
// words throws, which opencode takes for a no. Written by `tollgate hook install opencode`.
import { spawn } from "node:child_process"

const PROGRAM = "@PROGRAM@"
const WORDS = "@WORDS@"
const PATIENCE = 55_000

function ask(event, body, cwd) {
  return new Promise((resolve, reject) => {
    const refuse = (why) => reject(new Error(`tollgate: refused: ${why}`))
    let child
    try {
      child = spawn(PROGRAM, WORDS, { stdio: ["pipe", "pipe", "pipe"] })
    } catch (fault) {
      return refuse(`the broker can't be started: ${fault}`)
    }
    const timer = setTimeout(() => {
      child.kill("SIGKILL")
      refuse("no answer from the broker in time")
    }, PATIENCE)
    let out = ""
    let err = ""
    child.stdout.on("data", (data) => (out += data))
    child.stderr.on("data", (data) => (err += data))
    child.stdin.on("error", () => {})
    child.on("error", (fault) => {
      clearTimeout(timer)
      refuse(`the broker can't be started: ${fault}`)
    })
    child.on("close", (code) => {
      clearTimeout(timer)
      if (code !== 0) return refuse(err.trim() || `the broker left with ${code}`)
      resolve(out)
    })
    child.stdin.end(JSON.stringify({ event, cwd, ...body }))
  })
}

async function tell(event, body, cwd) {
  try {
    await ask(event, body, cwd)
  } catch {
    // nothing hangs on what is only told
  }
}

export const Tollgate = async ({ directory }) => ({
  "tool.execute.before": async (input, output) => {
    const out = await ask("tool.execute.before", { input, output }, directory)
    let answer
    try {
      answer = JSON.parse(out)
    } catch {
      throw new Error("tollgate: refused: the broker's answer can't be read")
    }
    if (answer?.decision !== "allow") throw new Error(answer?.reason || "tollgate: refused")
    if (answer.args) {
      for (const key of Object.keys(output.args)) delete output.args[key]
      Object.assign(output.args, answer.args)
    }
  },
  "tool.execute.after": async (input, output) => {
    const metadata = { exit: output?.metadata?.exit }
    await tell("tool.execute.after", { input: { ...input, args: undefined }, output: { metadata } }, directory)
  },
  "chat.message": async (input, output) => {
    await tell("chat.message", { input, output: { message: {}, parts: output.parts } }, directory)
  },
  event: async ({ event }) => {
    const told = ["session.created", "session.deleted", "session.compacted", "session.idle"]
    if (told.includes(event?.type)) {
      await tell(event.type, { event: { type: event.type, properties: { sessionID: event.properties?.sessionID ?? event.properties?.info?.id } } }, directory)
    }
  },
})
