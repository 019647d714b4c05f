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
        ("slot_log.cpp", "if (is_fresh_ && next +", "if (next +"),
    "erase the record before an uncertain one":
        ("slot_log.cpp", "if (!keeps_other) sector_ ^= 1;", "sector_ ^= 1;"),
    "take uncertain records for certain":
        ("slot_log.cpp", "is_uncertain_ = !has_seal(sector_, at_);", "is_uncertain_ = false;"),
    "change slots before there is a record of the session":
        ("update_slots.cpp", "const int status = m.log.append(m.hash.record); return status == MALLORN_DONE ? begin_decoding(m) : status;",
         "return begin_decoding(m);"),
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
        ("update_front.cpp", "m.written = m.erased = m.has_checkpoint ? record.resume_result : 0;",
         "m.written = m.has_checkpoint ? record.resume_result : 0;\n"
         "  m.erased = m.has_checkpoint ? m.written + m.port->erase_size : 0;"),
    "take up work of another update":
        ("update_front.cpp", "is_same(record.update_id, m.update_id, sizeof m.update_id) &&", ""),
    "record a checkpoint within an erase block":
        ("update_slots.cpp", "!m.is_complete && m.written == m.erased &&", "!m.is_complete &&"),
    "write the slot in use":
        ("update_slots.cpp", "static_cast<uint8_t>(m.slot ^ 1); }", "m.slot; }"),
    "write less than whole words":
        ("update_slots.cpp", "while ((length & (m.port->write_size - 1u)) != 0)", "while (false)"),
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

    def simulate(self, objects):
        program = self.folder / "power-cuts"
        run(COMPILER, *objects.values(), "-o", program)
        return subprocess.run([program], capture_output=True, text=True, timeout=500)

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

    def test_each_mutation_is_noticed(self):
        for what, (name, old, new) in MUTATIONS.items():
            with self.subTest(what):
                result = self.simulate(self.mutated(name, old, new))
                self.assertEqual(result.returncode, 1, result.stdout)
                print(f"{what}: {result.stderr.strip()}")


if __name__ == "__main__":
    unittest.main()
