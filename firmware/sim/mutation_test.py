"""Breaks a rule of the firmware at a time: the simulator must notice each.

    mutation_test.py CXX ROOT

Every mutation replaces a text that occurs once in a source. The simulator is compiled with it and
must fail; without any it must pass, which another test shows.
"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(sys.argv.pop()).resolve()
COMPILER = sys.argv.pop()
# Hashes are those of the simulator.
HASHES = {f"firmware/src/{name}.cpp" for name in ("crc32c", "sha256", "sha_constants")}
SOURCES = sorted(source for source in [*ROOT.glob("firmware/src/*.cpp"), *ROOT.glob("firmware/sim/*.cpp")]
                 if source.relative_to(ROOT).as_posix() not in HASHES)

# What is broken: file, text, what takes its place.
MUTATIONS = {
    "append behind records of an earlier session":
        ("slot_log.cpp", "log.uncertain = fault_of_seal(m, space);",
         "log.uncertain = fault_of_seal(m, space);\n"
         "log.end = log.at + entry_bytes(*m.flash.port, 0);"),
    "erase the record before an uncertain one":
        ("slot_log.cpp", "if (!keeps_other) log.sector ^= kNextRegion;", "log.sector ^= kNextRegion;"),
    "take uncertain records for certain":
        ("slot_log.cpp", "log.uncertain = fault_of_seal(m, space);", "log.uncertain = 0;"),
    "change slots before there is a record of the session":
        ("update_write.cpp", "return and_forget(MALLORN_E_CHECKPOINT); return go_to(Phase::checkpoint);",
         "return and_forget(MALLORN_E_CHECKPOINT);\n"
         "return go_to(is_copy_next(m) ? Phase::copy : Phase::decode);"),
    "take records without looking at their check":
        ("slot_log.cpp", "check_of(record) == record.check", "record.check != 0"),
    "take the oldest record":
        ("slot_log.cpp", "other.sequence - m.record.sequence) > 0",
         "other.sequence - m.record.sequence) < 0"),
    "read the newest record a second time":
        ("slot_log.cpp", "log.uncertain = fault_of_seal(m, space);",
         "if (!has_record(m, space, log.sector, log.at)) return MALLORN_E_NO_SLOT; m.record = other;\n"
         "log.uncertain = fault_of_seal(m, space);"),
    "use a slot on trial before that is recorded":
        ("boot.cpp", "if (trial != kNone || m.log.uncertain != 0)", "if (m.log.uncertain != 0)"),
    "count no tries":
        ("boot.cpp", "record.trial = kRunning; --record.tries;", "record.trial = kRunning;"),
    "confirm without making it the slot in use":
        ("boot.cpp", "record.active = slot_of(m);", ""),
    "leave the counter as it is on confirmation":
        ("boot.cpp", "if (record.release < record.trial_release)", "if (false)"),
    "raise the counter before confirmation":
        ("update_slots.cpp", "record.trial_release = m.release;",
         "record.release = record.trial_release = m.release;"),
    "try a slot without hashing it":
        ("update_slots.cpp", "hash_on(m, m.new_slot, m.lengths.result_bytes, m.result_digest);",
         "hash_on(m, m.new_slot, m.lengths.result_bytes, nullptr);"),
    "go on where the flash is not blank":
        ("update_write.cpp", "m.erased = m.written; if (is_in_place",
         "m.erased = m.written + (m.written != 0 ? port.erase_size : 0); if (is_in_place"),
    "take up work of another update":
        ("update_front.cpp", "is_same(record.update_id, front.body_digest(), sizeof record.update_id) &&", ""),
    "record a checkpoint within an erase block":
        ("update_write.cpp", "m.written == m.erased ||", "true ||"),
    "write the slot in use":
        ("update_front.cpp", "m.new_slot = m.slot ^ 1;", "m.new_slot = m.slot;"),
    "write less than whole words":
        ("flash.cpp", "length = whole_words(length, port->write_size);", ""),
    "take any signature":
        ("update_front.cpp", "m.verdict = static_cast<int8_t>(status);", "m.verdict = MALLORN_DONE;"),
    "take patches without signature":
        ("update_front.cpp", "port.verify != nullptr && verdict != MALLORN_DONE;", "false;"),
    "take patches for other models":
        ("update_front.cpp", "if (!is_model(*m.policy, front)) return MALLORN_E_MODEL;", ""),
    "take older releases":
        ("update_front.cpp", "m.release < m.record.release || m.release < counter", "false"),
    "take patches for other bases":
        ("update_slots.cpp", "PatchFront{m.hash.message.header}.base().digest());", "nullptr);"),
    "erase before the body is hashed":
        ("update_slots.cpp", "digest = PatchFront{m.hash.message.header}.body_digest();", "digest = nullptr;"),
}

# Those of states, and of devices with one slot.
STATE_MUTATIONS = {
    "record a checkpoint before its block is written":
        ("update_write.cpp", "m.record.resume_result = m.written;",
         "m.record.resume_result = least(m.written + m.flash.port->erase_size, m.lengths.result_bytes);"),
    "take records without looking at their states":
        ("slot_log.cpp", "(!kHasStates || has_state(m, space, sector))", "true"),
    "record a checkpoint without its state":
        ("update_write.cpp", "m.record.state_bytes = state_bytes;", "m.record.state_bytes = 0;"),
    "write a record before its state":
        ("slot_log.cpp", "if (state_bytes != 0) { record.state_at = state_at;",
         "if (state_bytes != 0) { record.state_at = state_at;\n"
         "++record.sequence; record.check = check_of(record);\n"
         "int first = m.flash.write(place, &record, kRecordBytes);\n"
         "if (first == MALLORN_DONE) first = m.flash.write(place + kRecordBytes, &record, port.write_size);\n"
         "if (first != MALLORN_DONE) return first;\n"
         "return m.flash.write(log.sector + state_at, m.decode.state, state_bytes);"),
    "leave the state behind in the other sector":
        ("slot_log.cpp", "log.end = record.state_at = 0;", "log.end = 0;"),
    "write an uncertain record again without its state":
        ("boot.cpp", "if (has_state && (!kHasStates || !read_state(m))) return",
         "if (has_state) return"),
    "find records only as far as their states":
        ("slot_log.cpp", "if (other.state_at == next) next += other.state_bytes;", ""),
    "record the journal before it is complete":
        ("update_write.cpp", "return (m.written == m.erased ||", "return (is_in_place(*m.flash.port) ||"),
    "erase a block before the journal is recorded":
        ("update_write.cpp", "m.record.state_at = 0; return go_to(Phase::checkpoint);",
         "m.record.state_at = 0;\n"
         "if (is_copy_next(m)) (void)m.flash.erase(place_in(m.slot, m.record.copied));\n"
         "return go_to(Phase::checkpoint);"),
    "erase the journal before it is recorded that the slot has its block":
        ("update_write.cpp", "? go_to(Phase::checkpoint) : MALLORN_MORE;",
         "? go_to(is_copy_next(m) ? Phase::copy : Phase::decode) : MALLORN_MORE;"),
    "record a block as copied before it is":
        ("update_write.cpp", "return m.at == 0 || part == held ?",
         "m.record.copied += least(held, m.flash.port->erase_size) - part;\nreturn true ?"),
    "copy another block of the journal after a cut":
        ("update_write.cpp", "m.journal_at = rest_of(m.record.copied, port.journal_size);",
         "m.journal_at = rest_of(m.written, port.journal_size);"),
    "look for what has been made in the slot alone":
        ("update_write.cpp", "if (kHasOneSlot && from >= apply::kLiteOwn) place = place_of_new(m, from - apply::kLiteOwn);",
         "if (is_in_place(*m.flash.port)) place = place_in(m.slot, from & (apply::kLiteOwn - 1));"),
    "take patches for larger blocks than the device has":
        ("update_front.cpp", "log2 == 0 || port.erase_size >> log2 << log2 != port.erase_size",
         "log2 == 0"),
    "take patches that are not made to be applied in place":
        ("update_front.cpp", "log2 == 0 || port.erase_size >> log2 << log2 != port.erase_size",
         "port.erase_size >> log2 << log2 != port.erase_size"),
    "take patches with a longer lag than the journal has":
        ("update_front.cpp", "lag <= port.journal_size - port.erase_size ?", "true ?"),
    "copy each block as soon as it is made":
        ("update_write.cpp", "held == least(left, m.flash.port->journal_size) && held != 0;",
         "m.flash.port->journal_size != 0 && held != 0;"),
    "make a block where the journal holds another":
        ("update_write.cpp", "held == least(left, m.flash.port->journal_size) && held != 0;",
         "held == left && m.flash.port->journal_size != 0 && held != 0;"),
    "leave the end of the result in the journal":
        ("update_write.cpp", "held == least(left, m.flash.port->journal_size) && held != 0;",
         "held == m.flash.port->journal_size && held != 0;"),
    "forget what the journal holds":
        ("update_write.cpp", "m.journal_at = rest_of(m.record.copied, port.journal_size);",
         "{ m.record.copied = m.written; m.journal_at = rest_of(m.record.copied, port.journal_size); }"),
    "go past the end of the journal":
        ("update_write.cpp", "return at < m.flash.port->journal_size ? at", "return at <= m.flash.port->journal_size ? at"),
    "boot with a slot that is half overwritten":
        ("boot.cpp", "if (is_unfinished(m)) return MALLORN_E_UNFINISHED;", ""),
    "hash a base that is not there any more":
        ("update_front.cpp", "return go_to(has_no_base ? Phase::body : Phase::base);",
         "return go_to(Phase::base);"),
}


def run(*command):
    subprocess.run([str(word) for word in command], check=True)


def compile_source(source, target):
    run(COMPILER, "-std=c++20", "-O2", f"-I{ROOT}", "-c", source, "-o", target)


class Mutations(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.objects = {}
        for source in SOURCES:
            cls.objects[source.name] = cls.folder / f"{source.stem}.o"
            compile_source(source, cls.objects[source.name])

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def simulate(self, objects, *options):
        program = self.folder / "power-cuts"
        run(COMPILER, *objects.values(), "-o", program)
        return subprocess.run([program, *options], capture_output=True, text=True, timeout=500)

    def mutated(self, name, old, new):
        text = (ROOT / "firmware/src" / name).read_text(encoding="utf-8")
        words = old.split()
        # Lines may be broken anywhere between words.
        compact = " ".join(text.split())
        self.assertEqual(compact.count(" ".join(words)), 1, f"{name}: {old}")
        lines = [line for line in text.splitlines() if line.startswith("#")]
        body = [line.split("//")[0] for line in text.splitlines() if not line.startswith("#")]
        compact = " ".join(" ".join(body).split())
        source = self.folder / "mutated.cpp"
        source.write_text("\n".join(lines) + "\n" + compact.replace(" ".join(words), new) + "\n",
                          encoding="utf-8")
        target = self.folder / "mutated.o"
        compile_source(source, target)
        return {**self.objects, name: target}

    def check(self, mutations, *options):
        for what, (name, old, new) in mutations.items():
            with self.subTest(what):
                result = self.simulate(self.mutated(name, old, new), *options)
                self.assertEqual(result.returncode, 1, result.stdout)
                print(f"{what}: {result.stderr.strip()}")

    def test_each_mutation_is_noticed(self):
        self.check(MUTATIONS)

    def test_each_mutation_of_states_and_of_one_slot_is_noticed(self):
        self.check(STATE_MUTATIONS, "--states")


if __name__ == "__main__":
    unittest.main()
