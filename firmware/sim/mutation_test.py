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
SOURCES = sorted([*ROOT.glob("firmware/src/*.cpp"), *ROOT.glob("firmware/sim/*.cpp")])

# What is broken: file, text, what takes its place.
MUTATIONS = {
    "append behind records of an earlier session":
        ("slot_log.cpp", "if (is_fresh_ && end_ + record_size()",
         "Record last; if (!is_fresh_ && has_record(sector_, at_, &last)) end_ = end_of(last, at_);\n"
         "if (end_ + record_size()"),
    "erase the record before an uncertain one":
        ("slot_log.cpp", "if (!keeps_other) sector_ ^= 1;", "sector_ ^= 1;"),
    "take uncertain records for certain":
        ("slot_log.cpp", "is_uncertain_ = !has_seal(sector_, at_);", "is_uncertain_ = false;"),
    "change slots before there is a record of the session":
        ("update_write.cpp", "m.is_complete = false; return go_to(m, Phase::checkpoint);",
         "m.is_complete = false; return go_to(m, m.journal == kHeld ? Phase::copy : Phase::decode);"),
    "take records without looking at their check":
        ("slot_log.cpp", "record.check == check_of(record)", "record.check != 0"),
    "take the oldest record":
        ("slot_log.cpp", "other->sequence - sequence_) <= 0", "other->sequence - sequence_) >= 0"),
    "read the newest record a second time":
        ("slot_log.cpp", "if (!is_found) return MALLORN_E_NO_SLOT;",
         "if (!is_found || !has_record(sector_, at_, record)) return MALLORN_E_NO_SLOT;"),
    "use a slot on trial before that is recorded":
        ("boot.cpp", "if (is_trial || space.log.is_uncertain())", "if (space.log.is_uncertain())"),
    "count no tries":
        ("boot.cpp", "if (has_try) --record.tries;", ""),
    "confirm without making it the slot in use":
        ("boot.cpp", "record.active ^= 1;", ""),
    "leave the counter as it is on confirmation":
        ("boot.cpp", "if (record.release < record.trial_release)", "if (false)"),
    "raise the counter before confirmation":
        ("update_slots.cpp", "record->trial_release = m.release;",
         "record->release = record->trial_release = m.release;"),
    "try a slot without hashing it":
        ("update_slots.cpp", "if (!is_digest(m, m.result_digest)) return drop_and_fail(m, MALLORN_E_RESULT);",
         ""),
    "go on where the flash is not blank":
        ("update_write.cpp", "m.erased = m.written; set_block(m, m.journal == kHeld ? block : m.written);",
         "m.erased = m.written + (m.has_checkpoint ? m.port->erase_size : 0);\n"
         "  set_block(m, m.journal == kHeld ? block : m.written);"),
    "take up work of another update":
        ("update_front.cpp", "is_same(record.update_id, m.update_id, sizeof m.update_id) &&", ""),
    "record a checkpoint within an erase block":
        ("update_write.cpp", "!m.is_complete && m.written == m.erased &&", "!m.is_complete &&"),
    "write the slot in use":
        ("update_slots.cpp", "is_in_place(*m.port) ? m.slot : static_cast<uint8_t>(m.slot ^ 1);",
         "m.slot;"),
    "write less than whole words":
        ("update_write.cpp", "const uint32_t length = up_to_word(m, page.used);",
         "const uint32_t length = page.used;"),
    "take any signature":
        ("update_front.cpp", "m.is_trusted = status == MALLORN_DONE;", "m.is_trusted = true;"),
    "take patches without signature":
        ("update_front.cpp", "m.port->verify != nullptr && !m.is_trusted;", "false;"),
    "take patches for other models":
        ("update_front.cpp", "if (!is_model(*m.policy, front)) return MALLORN_E_MODEL;", ""),
    "take older releases":
        ("update_front.cpp", "m.release < confirmed || m.release < counter", "false"),
    "take patches for other bases":
        ("update_slots.cpp", ".base_digest())) return MALLORN_E_BASE;", ".base_digest())) {}"),
    "erase before the body is hashed":
        ("update_slots.cpp", ".body_digest())) return MALLORN_E_BODY;", ".body_digest())) {}"),
}

# Those of states, and of devices with one slot.
STATE_MUTATIONS = {
    "record a checkpoint before its block is written":
        ("update_write.cpp", "record->resume_result = m.written;",
         "record->resume_result = least(m.written + m.port->erase_size, m.result_bytes);"),
    "record a checkpoint without its state":
        ("update_write.cpp", "is_needed ? reinterpret_cast<const uint8_t*>(&kept) : nullptr", "nullptr"),
    "write a record before its state":
        ("slot_log.cpp", "const int status = write_state(end, state, record->state_bytes);",
         "const int first = write(record, nullptr); if (first != MALLORN_DONE) return first;\n"
         "return write_state(end, state, record->state_bytes);\nconst int status = MALLORN_DONE;"),
    "leave the state behind in the other sector":
        ("slot_log.cpp", "if (state == nullptr || !is_fresh_ || is_blank_)", "if (state == nullptr)"),
    "write an uncertain record again without its state":
        ("boot.cpp", "state = space.state;", "record.resume_result = 0;"),
    "find records only as far as their states":
        ("slot_log.cpp", "return record.state_at == end ? end + record.state_bytes : end;",
         "return end;"),
    "record the journal before it is complete":
        ("update_write.cpp", "return m.written == m.erased || m.is_complete;", "return true;"),
    "erase a block before the journal is recorded":
        ("update_write.cpp", "return begin_checkpoint(m, is_in_place(*m.port) ? kHeld : kFree, false);",
         "if (is_in_place(*m.port)) (void)m.port->erase(m.context, m.slot, m.block);\n"
         "return begin_checkpoint(m, is_in_place(*m.port) ? kHeld : kFree, false);"),
    "erase the journal before it is recorded that the slot has its block":
        ("update_write.cpp", "return begin_checkpoint(m, kCopied, true);",
         "m.journal = kCopied;\nreturn go_to(m, Phase::decode);"),
    "record a block as copied before it is":
        ("update_write.cpp", "if (m.block + done + length < m.written) return MALLORN_MORE;", ""),
    "copy another block of the journal after a cut":
        ("update_write.cpp", "set_block(m, m.journal == kHeld ? block : m.written);",
         "set_block(m, m.written);"),
    "look for what has been made in the slot alone":
        ("update_write.cpp", "if (is_in_place(*m.port) && offset + length > m.block)", "if (false)"),
    "take patches for larger blocks than the device has":
        ("update_front.cpp", "m.in_place_log2 == 0 || (m.port->erase_size & within) != 0",
         "m.in_place_log2 == 0"),
    "take patches that are not made to be applied in place":
        ("update_front.cpp", "m.in_place_log2 == 0 || (m.port->erase_size & within) != 0",
         "(m.port->erase_size & within) != 0"),
    "boot with a slot that is half overwritten":
        ("boot.cpp", "if (record.journal != kFree) return MALLORN_E_UNFINISHED;", ""),
    "hash a base that is not there any more":
        ("update_front.cpp", "if (m.journal == kFree) return go_to(m, Phase::base);",
         "return go_to(m, Phase::base);"),
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
