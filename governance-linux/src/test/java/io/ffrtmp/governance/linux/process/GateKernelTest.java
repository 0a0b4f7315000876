package io.ffrtmp.governance.linux.process;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.ExitStatus;
import io.ffrtmp.governance.ExitStatus.Exited;
import io.ffrtmp.governance.linux.libc.Libc;
import io.ffrtmp.governance.linux.libc.Pidfd;
import io.ffrtmp.governance.linux.libc.Spawn;
import io.ffrtmp.governance.linux.observe.ExitReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeSet;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The gate's text under every shell that stands behind {@code /bin/sh} somewhere. */
@Tag("kernel")
class GateKernelTest {
  private static final List<String> HOSTILE =
      List.of("%s\\0", "", "a b", "-n", "$x", "\n", "é", "\u0081\u0088", "*", "'\"\\", "K=V");

  @TempDir Path dir;

  /** How a process at the gate ended, and what the gate reported. */
  private record Outcome(ExitStatus exit, String report) {}

  @ParameterizedTest
  @ValueSource(strings = {"dash", "bash", "busybox"})
  void gate_letGo_becomesTheProgramByteExact(String shell) throws Exception {
    Environment environment =
        Environment.ours()
            .with(Map.of("a.b", Optional.of("1"), "IFS", Optional.of(","), "é", Optional.of("\n")));
    Path out = dir.resolve("out");
    assertThat(run(shell, "/usr/bin/printf", HOSTILE, environment, out, true))
        .isEqualTo(new Outcome(new Exited(0), ""));
    List<String> printed = List.of(Files.readString(out).split("\0", -1));
    assertThat(printed).isEqualTo(append(HOSTILE.subList(1, HOSTILE.size()), ""));

    run(shell, "/bin/cat", List.of("/proc/self/environ"), environment, out, true);
    TreeSet<String> expected = new TreeSet<>();
    environment.entries().forEach(entry -> expected.add(new String(entry, UTF_8)));
    assertThat(new TreeSet<>(List.of(Files.readString(out).split("\0")))).isEqualTo(expected);
  }

  @ParameterizedTest
  @ValueSource(strings = {"dash", "bash", "busybox"})
  void gate_makerDies_exits125AndTheProgramNeverStarts(String shell) throws Exception {
    Path out = dir.resolve("out");
    Outcome outcome =
        run(shell, "/usr/bin/printf", List.of("started"), Environment.ours(), out, false);
    assertThat(outcome.exit).isEqualTo(new Exited(125));
    assertThat(out).isEmptyFile();
  }

  @ParameterizedTest
  @ValueSource(strings = {"dash", "bash", "busybox"})
  void gate_plainExecFails_isReported(String shell) throws Exception {
    Path missing = dir.resolve("missing");
    Outcome outcome = plain(shell, missing.toString());
    assertThat(outcome.report).isEqualTo("127");
    Files.createDirectory(missing);
    assertThat(plain(shell, missing.toString()).report).isEqualTo("126");
  }

  private Outcome plain(String shell, String program) throws Exception {
    return run(shell, true, program, List.of(), Environment.ours(), dir.resolve("out"), true);
  }

  private Outcome run(
      String shell, String program, List<String> args, Environment env, Path out, boolean go)
      throws Exception {
    return run(shell, false, program, args, env, out, go);
  }

  private Outcome run(
      String shell,
      boolean plain,
      String program,
      List<String> args,
      Environment env,
      Path out,
      boolean go)
      throws Exception {
    List<byte[]> arguments = new ArrayList<>(List.of(program.getBytes(UTF_8)));
    args.forEach(arg -> arguments.add(arg.getBytes(UTF_8)));
    Gate.Command command = Gate.command(sh(shell), plain, program, arguments, env);
    int in = Libc.open("/dev/null", Libc.O_RDONLY);
    int output = Libc.open(out.toString(), Libc.O_WRONLY | Libc.O_CREAT);
    Libc.truncate(output);
    try (Gate gate = new Gate()) {
      int[] ends = gate.childsEnds();
      int[] fds = {in, output, output, ends[0], ends[1]};
      int pid =
          Spawn.spawn(
              command.path(),
              command.arguments(),
              command.environment(),
              Optional.empty(),
              fds,
              OptionalInt.empty());
      gate.spawned();
      try (Pidfd pidfd = Pidfd.open(pid)) {
        String report = go ? gate.open() : "";
        gate.shut();
        return new Outcome(ExitReader.reap(pidfd), report);
      }
    } finally {
      Libc.close(in);
      Libc.close(output);
      Files.deleteIfExists(dir.resolve("sh"));
    }
  }

  /** The shell under the name sh, as it stands behind /bin/sh: bash is then in its POSIX mode. */
  private String sh(String shell) throws Exception {
    Path real = Path.of("/bin", shell);
    assumeTrue(Files.isExecutable(real), shell + " is not installed");
    return Files.createSymbolicLink(dir.resolve("sh"), real).toString();
  }

  private static List<String> append(List<String> list, String last) {
    List<String> more = new ArrayList<>(list);
    more.add(last);
    return more;
  }
}
