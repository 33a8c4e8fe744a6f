-- batch: performs operations, one after another. KEYS are the prefixes of their shards. One that fails leaves the others alone.
-- ARGV 3… for each operation: its name, the index of its shard's prefix, the number of its arguments, and these
-- Returns for each operation { its answer }, or the text of its error
local answers, at = {}, 3
while at <= #ARGV do
  local operation, count = OPERATIONS[ARGV[at]], tonumber(ARGV[at + 2])
  enter(KEYS[tonumber(ARGV[at + 1])])
  local arguments = { ARGV[1], ARGV[2] }
  for n = 1, count do arguments[n + 2] = ARGV[at + 2 + n] end
  local done, answer = pcall(operation, arguments)
  if done then
    answers[#answers + 1] = { answer }
  else
    answers[#answers + 1] = type(answer) == 'table' and answer.err or answer
  end
  at = at + 3 + count
end
return answers
