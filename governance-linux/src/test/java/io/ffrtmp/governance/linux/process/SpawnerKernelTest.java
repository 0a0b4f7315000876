package io.ffrtmp.governance.linux.process;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.ExitStatus;
import io.ffrtmp.governance.Signal;
import io.ffrtmp.governance.StartFailure;
import io.ffrtmp.governance.StartFailure.Fault;
import io.ffrtmp.governance.StartFailure.Step;
import io.ffrtmp.governance.Stdio;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.linux.HeldDescriptors;
import io.ffrtmp.governance.linux.libc.Libc;
import io.ffrtmp.governance.linux.observe.ExitReader;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a workload finds when it starts, on both spawn paths. */
@Tag("kernel")
class SpawnerKernelTest {
  /** The two paths. */
  enum Way {
    DIRECT,
    GATE;

    Spawner.Spawned spawn(Spawner.Prepared prepared) throws SpawnException {
      return this == GATE
          ? prepared.spawnAtGate((pid, pidfd) -> {})
          : prepared.spawn(OptionalInt.empty());
    }
  }

  private final Spawner spawner = new Spawner();

  @TempDir Path dir;

  @ParameterizedTest
  @EnumSource
  void arguments_anyText_arriveByteExact(Way way) throws Exception {
    List<String> hostile =
        List.of(
            "",
            " ",
            "a b",
            "\"q\"",
            "'",
            "\n\n",
            "$(touch x)",
            "`x`",
            "-x",
            "--",
            "*",
            "\\",
            "\\0",
            "é",
            "日本語",
            "😀",
            "\u0081\u0082\u0088",
            "\u007f",
            "a=b",
            "~",
            "%s",
            "x\t");
    List<String> command = new ArrayList<>(List.of("printf", "%s\\0"));
    command.addAll(hostile);
    String printed = output(way, Workload.of(command));
    assertThat(List.of(printed.split("\0", -1))).startsWith(hostile.toArray(String[]::new));
  }

  @ParameterizedTest
  @EnumSource
  void environment_oddNamesAndShellVariables_arrivesUnaltered(Way way) throws Exception {
    Workload workload =
        Workload.of("cat", "/proc/self/environ")
            .environment("a.b", "1")
            .environment("FOO-BAR", "2")
            .environment("BASH_FUNC_x%%", "() { :; }")
            .environment("IFS", ",")
            .environment("PWD", "/nowhere")
            .environment("OPTIND", "junk")
            .environment("LANG", "é\n")
            .environmentWithout("HOME");
    assertEnvironment(way, workload);
  }

  @ParameterizedTest
  @EnumSource
  void environment_plainNames_arrivesUnaltered(Way way) throws Exception {
    assertEnvironment(way, Workload.of("cat", "/proc/self/environ"));
    assertEnvironment(
        way,
        Workload.of("cat", "/proc/self/environ")
            .environmentWithout("PWD")
            .environment("EMPTY", "")
            .environment("_", "x")
            .environment("gate_word", "kept"));
  }

  private void assertEnvironment(Way way, Workload workload) throws Exception {
    TreeSet<String> expected = new TreeSet<>();
    Environment.ours()
        .with(workload.environment())
        .entries()
        .forEach(entry -> expected.add(new String(entry, UTF_8)));
    TreeSet<String> found = new TreeSet<>(List.of(output(way, workload).split("\0")));
    assertThat(found).isEqualTo(expected);
  }

  @ParameterizedTest
  @EnumSource
  void workload_started_hasCleanSignalsOwnSessionAndThreeDescriptors(Way way) throws Exception {
    int leaked = Libc.open("/dev/null", Libc.O_RDONLY);
    String status = output(way, Workload.of("cat", "/proc/self/status", "/proc/self/stat"));
    Libc.close(leaked);
    assertThat(field(status, "SigBlk")).matches("0+");
    assertThat(Long.parseUnsignedLong(field(status, "SigIgn"), 16) & 0x7fffffffL).isZero();
    assertThat(field(status, "SigCgt")).matches("0+");
    String stat = status.substring(status.lastIndexOf(')') + 2);
    String pid = field(status, "Pid");
    assertThat(stat.split(" ")[2]).as("process group").isEqualTo(pid);
    assertThat(stat.split(" ")[3]).as("session").isEqualTo(pid);

    String descriptors = output(way, Workload.of("ls", "/proc/self/fd"));
    assertThat(descriptors.lines()).containsExactly("0", "1", "2", "3"); // 3 is ls's own
  }

  private static String field(String status, String name) {
    return status
        .lines()
        .filter(line -> line.startsWith(name + ":"))
        .map(line -> line.substring(name.length() + 1).strip())
        .findFirst()
        .orElseThrow();
  }

  @ParameterizedTest
  @EnumSource
  void directory_given_isWhereItStarts_andResolvesARelativeProgram(Way way) throws Exception {
    Path sub = Files.createDirectory(dir.resolve("with space é"));
    script(sub.resolve("prog"), "#!/bin/sh\npwd; echo \"$0\"\n");
    String printed = output(way, Workload.of("./prog").directory(sub));
    assertThat(printed.lines()).containsExactly(sub.toString(), sub + "/./prog");
  }

  @ParameterizedTest
  @EnumSource
  void stdio_filesAndSame_holdEveryByte(Way way) throws Exception {
    Path in = Files.writeString(dir.resolve("in"), "from stdin\n");
    Path out = Files.writeString(dir.resolve("out"), "old\n");
    Workload both =
        Workload.of("sh", "-c", "cat; echo err >&2")
            .stdin(in)
            .stdout(Stdio.append(out))
            .stderr(Stdio.sameAsStdout());
    assertThat(exit(way, both)).isEqualTo(new ExitStatus.Exited(0));
    assertThat(out).hasContent("old\nfrom stdin\nerr\n");
    exit(way, both.stdout(Stdio.truncate(out)));
    assertThat(out).hasContent("from stdin\nerr\n");
  }

  @ParameterizedTest
  @EnumSource
  void stdin_default_isDevNull(Way way) throws Exception {
    assertThat(output(way, Workload.of("readlink", "/proc/self/fd/0"))).isEqualTo("/dev/null\n");
  }

  @ParameterizedTest
  @EnumSource
  void exit_codesAndSignals_areExact(Way way) throws Exception {
    for (int code : List.of(0, 1, 42, 125, 126, 127, 255)) {
      assertThat(exit(way, Workload.of("sh", "-c", "exit " + code)))
          .isEqualTo(new ExitStatus.Exited(code));
    }
    assertThat(exit(way, Workload.of("sh", "-c", "kill -9 $$")))
        .isEqualTo(new ExitStatus.Signalled(new Signal(9), false));
  }

  @Test
  void exit_withACoreDump_isTold() throws Exception {
    boolean file = Files.readString(Path.of("/proc/sys/kernel/core_pattern")).startsWith("core");
    assumeTrue(file, "cores are not written where it stands");
    Workload crash = Workload.of("sh", "-c", "ulimit -c unlimited || exit; kill -SEGV $$");
    ExitStatus exit = exit(Way.DIRECT, crash.directory(dir));
    assumeTrue(exit instanceof ExitStatus.Signalled, "cores are limited");
    assertThat(exit).isEqualTo(new ExitStatus.Signalled(new Signal(11), true));
  }

  @ParameterizedTest
  @EnumSource
  void failure_eachKind_isTypedAndEqualOnBothPaths_andLeavesNothing(Way way) throws Exception {
    Path plain = Files.writeString(dir.resolve("plain"), "echo no format\n");
    Path noFormat = script(dir.resolve("noformat"), "echo no format\n");
    Path noInterpreter = script(dir.resolve("nointerp"), "#!/no/such/interpreter -x\n");
    Path empty = script(dir.resolve("empty"), "");
    Path elf = dir.resolve("elf");
    byte[] head = Arrays.copyOf(Files.readAllBytes(Path.of("/bin/true")), 4096);
    head[18] = (byte) 0x16; // s390
    Files.write(elf, head);
    elf.toFile().setExecutable(true);
    byte[] whole = Files.readAllBytes(Path.of("/bin/true"));
    byte[] hollow = whole.clone();
    hollow[56] = 0; // e_phnum: execve says ENOEXEC, and env(1) would run it as a script
    hollow[57] = 0;
    byte[] beyond = whole.clone(); // e_phoff: the end of the table is no offset any more
    ByteBuffer.wrap(beyond).order(ByteOrder.LITTLE_ENDIAN).putLong(32, Long.MAX_VALUE - 15);
    Path beyondAll = Files.write(dir.resolve("beyond"), beyond);
    beyondAll.toFile().setExecutable(true);
    Path noHeaders = Files.write(dir.resolve("hollow"), hollow);
    noHeaders.toFile().setExecutable(true);
    Path cutOff = Files.write(dir.resolve("cut"), Arrays.copyOf(whole, 64));
    cutOff.toFile().setExecutable(true);
    Path stub = Files.write(dir.resolve("stub"), Arrays.copyOf(hollow, 63));
    stub.toFile().setExecutable(true);
    String long1 = "x".repeat(128 * 1024);
    int before = HeldDescriptors.count();

    assertFailure(way, Workload.of("/no/such/program"), Step.PROGRAM, "ENOENT");
    assertFailure(way, Workload.of("no-such-program-anywhere"), Step.PROGRAM, "ENOENT");
    assertFailure(way, Workload.of(plain.toString()), Step.PROGRAM, "EACCES");
    assertFailure(way, Workload.of(dir.toString()), Step.PROGRAM, "EACCES");
    assertFailure(way, Workload.of(plain + "/x"), Step.PROGRAM, "ENOTDIR");
    assertFailure(way, Workload.of(noFormat.toString()), Step.PROGRAM, "ENOEXEC");
    assertFailure(way, Workload.of(empty.toString()), Step.PROGRAM, "ENOEXEC");
    assertFailure(way, Workload.of(noInterpreter.toString()), Step.PROGRAM, "ENOENT");
    assertFailure(way, Workload.of(elf.toString()), Step.PROGRAM, "ENOEXEC");
    assertFailure(way, Workload.of(noHeaders.toString()), Step.PROGRAM, "ENOEXEC");
    assertFailure(way, Workload.of(beyondAll.toString()), Step.PROGRAM, "ENOEXEC");
    assertFailure(way, Workload.of(cutOff.toString()), Step.PROGRAM, "ENOEXEC");
    assertFailure(way, Workload.of(stub.toString()), Step.PROGRAM, "ENOEXEC");
    assertFailure(way, Workload.of("true", long1), Step.PROGRAM, "E2BIG");
    assertFailure(way, Workload.of("true").environment("X", long1), Step.PROGRAM, "E2BIG");
    String[] many = Stream.generate(() -> long1.substring(10)).limit(64).toArray(String[]::new);
    assertFailure(way, Workload.of("true", many), Step.PROGRAM, "E2BIG");
    Workload ok = Workload.of("true");
    assertFailure(way, ok.directory(dir.resolve("none")), Step.DIRECTORY, "ENOENT");
    assertFailure(way, ok.directory(plain), Step.DIRECTORY, "ENOTDIR");
    assertFailure(way, ok.stdout(Stdio.append(dir)), Step.STDIO, "EISDIR");
    assertFailure(way, ok.stderr(Stdio.append(dir.resolve("no/log"))), Step.STDIO, "ENOENT");
    assertFailure(way, ok.stdin(dir.resolve("no-input")), Step.STDIO, "ENOENT");

    assertThat(HeldDescriptors.count()).isEqualTo(before);
    assertThat(children()).isEmpty();
  }

  private void assertFailure(Way way, Workload workload, Step step, String errno) {
    StartFailure failure =
        catchThrowableOfType(SpawnException.class, () -> exit(way, workload)).failure();
    assertThat(failure.step()).as(failure.message()).isEqualTo(step);
    assertThat(failure.errno()).contains(errno);
    assertThat(failure.fault()).isEqualTo(Fault.WORKLOAD);
    assertThat(failure.message()).contains(errno);
  }

  @ParameterizedTest
  @EnumSource
  void script_firstLine_isReadAsTheKernelReadsIt(Way way) throws Exception {
    Path script = dir.resolve("script");
    String path = script.toString();
    Path odd = dir.resolve("odd\r\u000b");
    Files.copy(Path.of("/bin/true"), odd);
    for (String line : List.of("#!/bin/sh\r\n", "#!/bin/sh\u000b -e\n", "#!\r/bin/sh\n")) {
      script(script, line + "exit 0\n");
      assertFailure(way, Workload.of(path), Step.PROGRAM, "ENOENT");
    }
    for (String line : List.of("#!\n", "#! \t\n", "#!" + "/".repeat(246) + "bin/true\n")) {
      script(script, line + "exit 0\n");
      assertFailure(way, Workload.of(path), Step.PROGRAM, "ENOEXEC");
    }
    String longest = "#!" + "/".repeat(245) + "bin/true\n";
    String argument = "#! \t/bin/true " + "x".repeat(300) + "\n";
    for (String line : List.of("#!" + odd + "\n", "#!/bin/true", longest, argument)) {
      script(script, line);
      assertThat(exit(way, Workload.of(path))).as(line).isEqualTo(new ExitStatus.Exited(0));
    }
  }

  @ParameterizedTest
  @EnumSource
  void arguments_asLongAsTheKernelTakes_run_andAByteMoreEmptiesNoLog(Way way) throws Exception {
    Path log = dir.resolve("log");
    Function<String[], Workload> plain =
        arguments -> Workload.of("true", arguments).stdout(Stdio.truncate(log));
    for (Function<String[], Workload> workload :
        List.of(plain, plain.andThen(each -> each.environment("a.b", "needs env(1)")))) {
      Files.writeString(log, "precious");
      assertFailure(way, filled(way, workload, 1), Step.PROGRAM, "E2BIG");
      assertThat(log).hasContent("precious");
      assertThat(exit(way, filled(way, workload, 0))).isEqualTo(new ExitStatus.Exited(0));
      assertThat(log).isEmptyFile();
    }
  }

  /** With arguments that take all that there is, and so many bytes more. */
  private Workload filled(Way way, Function<String[], Workload> workload, int more)
      throws Exception {
    String[] arguments = Stream.generate(() -> "").limit(64).toArray(String[]::new);
    long room = Libc.sysconf(Libc.SC_ARG_MAX) + more - total(way, workload.apply(arguments));
    Arrays.fill(arguments, "x".repeat((int) room / 64));
    arguments[0] += "x".repeat((int) room % 64);
    return workload.apply(arguments);
  }

  private long total(Way way, Workload workload) throws Exception {
    Spawner.Prepared p = spawner.prepare(workload);
    boolean plain = Gate.handsOn(p.environment());
    Gate.Command command =
        way == Way.GATE
            ? Gate.command(Gate.SHELL, plain, p.program(), p.arguments(), p.environment())
            : new Gate.Command(p.program(), p.strings(), p.environment().strings());
    return Libc.utf8(command.path()).length
        + command.arguments().total()
        + command.environment().total();
  }

  @ParameterizedTest
  @EnumSource
  void program_whoseLoaderCannotBeHad_isAFailureWhoeverCarriesTheEnvironment(Way way)
      throws Exception {
    Path program = script(dir.resolve("program"), "");
    Path text = script(dir.resolve("text"), "no loader\n");
    Path narrower = script(dir.resolve("narrower"), "");
    Path wider = script(dir.resolve("wider"), "");
    Files.write(narrower, ImageTest.elf(false, 0, "/lib/loader"));
    Files.write(wider, ImageTest.elf(true, 0, "/lib/loader"));
    Workload plain = Workload.of(program.toString());
    for (int at : List.of(0, 8192)) {
      for (boolean wide : List.of(true, false)) {
        Files.write(program, ImageTest.elf(wide, at, "/no/such/loader"));
        assertFailure(way, plain, Step.PROGRAM, "ENOENT");
        assertFailure(way, plain.environment("a.b", "needs env(1)"), Step.PROGRAM, "ENOENT");
        Files.write(program, ImageTest.elf(wide, at, text.toString()));
        assertFailure(way, plain.environment("a.b", "needs env(1)"), Step.PROGRAM, "ELIBBAD");
        Path other = wide ? narrower : wider;
        Files.write(program, ImageTest.elf(wide, at, other.toString()));
        assertFailure(way, plain.environment("a.b", "needs env(1)"), Step.PROGRAM, "ELIBBAD");
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void program_withHeadersFarIntoTheFile_runs(Way way) throws Exception {
    int table = 8192 + ImageTest.TABLE;
    ByteBuffer elf = ByteBuffer.wrap(ImageTest.elf(true, 8192, "")).order(ByteOrder.LITTLE_ENDIAN);
    elf.putLong(24, 0x400000 + 200).putInt(table, 1).putInt(table + 4, 5); // PT_LOAD, r-x
    elf.putLong(table + 8, 0).putLong(table + 16, 0x400000);
    elf.putLong(table + 32, 4096).putLong(table + 40, 4096).putLong(table + 48, 4096);
    int[] exit7 = {0x00003cb8, 0x0007bf00, 0x050f0000};
    int[] exit7OnArm = {0xd28000e0, 0xd2800ba8, 0xd4000001};
    elf.position(200);
    Arrays.stream(Libc.ARM ? exit7OnArm : exit7).forEach(elf::putInt);
    Path program = script(dir.resolve("program"), "");
    Files.write(program, elf.array());
    Workload workload = Workload.of(program.toString());
    assertThat(exit(way, workload)).isEqualTo(new ExitStatus.Exited(7));
  }

  @ParameterizedTest
  @EnumSource
  void script_ofFiveScripts_runs_andOfSix_doesNot(Way way) throws Exception {
    String interpreter = "/bin/true";
    for (int i = 0; i < 6; i++) {
      Path script = script(dir.resolve("s" + i), "#!" + interpreter + "\n");
      interpreter = script.toString();
      if (i == 4) {
        assertThat(exit(way, Workload.of(interpreter))).isEqualTo(new ExitStatus.Exited(0));
      }
    }
    assertFailure(way, Workload.of(interpreter), Step.PROGRAM, "ELOOP");
  }

  @ParameterizedTest
  @EnumSource
  void program_thatIsBeingWritten_failsAtTheExec(Way way) throws Exception {
    Path program = Files.copy(Path.of("/bin/true"), dir.resolve("program"));
    Spawner.Prepared prepared = spawner.prepare(Workload.of(program.toString()));
    int writer = Libc.open(program.toString(), Libc.O_WRONLY);
    try (var pidfd = way.spawn(prepared).pidfd().orElseThrow()) {
      ExitReader.reap(pidfd);
      abort("this kernel executes what is being written to"); // such as Linux 6.11
    } catch (SpawnException e) {
      assertThat(e.failure().step()).isEqualTo(Step.EXEC);
      assertThat(e.failure().fault()).isEqualTo(Fault.WORKLOAD);
      String errno = e.failure().errno().orElse("");
      assumeTrue(
          way == Way.DIRECT || !errno.isEmpty(), "execve looks at the arguments first, before 6.8");
      assertThat(errno).isEqualTo("ETXTBSY");
    } finally {
      Libc.close(writer);
    }
    assertThat(children()).isEmpty();
  }

  @ParameterizedTest
  @EnumSource
  void stdio_fileThatCannotBeOpened_isTheWorkloadsFault(Way way) throws Exception {
    Path socket = dir.resolve("socket");
    Workload ok = Workload.of("true");
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(socket));
      assertFailure(way, ok.stdout(Stdio.append(socket)), Step.STDIO, "ENXIO");
      assertFailure(way, ok.stdin(socket), Step.STDIO, "ENXIO");
    }
  }

  @Test
  void stdio_immutableFile_isTheWorkloadsFault() throws Exception {
    Path log = Files.createFile(dir.resolve("log"));
    boolean immutable = chattr("+i", log) == 0;
    assumeTrue(immutable, "can't make a file immutable here");
    try {
      Workload ok = Workload.of("true").stdout(Stdio.append(log));
      assertFailure(Way.DIRECT, ok, Step.STDIO, "EPERM");
    } finally {
      chattr("-i", log);
    }
  }

  private static int chattr(String mode, Path file) throws Exception {
    String[] command = {"sh", "-c", "exec chattr \"$@\"", "sh", mode, file.toString()};
    return new ProcessBuilder(command).start().waitFor();
  }

  @ParameterizedTest
  @EnumSource
  void logs_ofAStartThatIsRefused_areNotEmptied(Way way) throws Exception {
    Path out = Files.writeString(dir.resolve("out"), "precious");
    Path err = Files.writeString(dir.resolve("err"), "precious");
    Workload workload = Workload.of("true").stdout(Stdio.truncate(out));
    assertFailure(way, workload.stderr(Stdio.append(dir.resolve("no/log"))), Step.STDIO, "ENOENT");
    assertFailure(way, workload.stderr(Stdio.truncate(dir)), Step.STDIO, "EISDIR");
    assertThat(out).hasContent("precious");

    exit(way, workload.stderr(Stdio.truncate(err)));
    assertThat(out).isEmptyFile();
    assertThat(err).isEmptyFile();
    Path device = Path.of("/dev/full");
    assertThat(exit(way, Workload.of("true").stdout(Stdio.truncate(device))))
        .isEqualTo(new ExitStatus.Exited(0));
  }

  @Test
  void log_ofAProgramThatTheGateCannotExecute_isNotEmptied() throws Exception {
    Path program = Files.copy(Path.of("/bin/true"), dir.resolve("a=b"));
    Path log = Files.writeString(dir.resolve("log"), "precious");
    Workload workload = Workload.of(program.toString()).environment("a.b", "needs env(1)");
    Spawner.Prepared prepared = spawner.prepare(workload.stdout(Stdio.truncate(log)));
    StartFailure failure =
        catchThrowableOfType(SpawnException.class, () -> Way.GATE.spawn(prepared)).failure();
    assertThat(failure.step()).isEqualTo(Step.PROGRAM);
    assertThat(failure.fault()).isEqualTo(Fault.PLATFORM);
    assertThat(failure.message()).contains("rename").contains(Gate.isDash() ? "a.b" : "dash");
    assertThat(log).hasContent("precious");
    assertThat(exit(Way.DIRECT, workload)).isEqualTo(new ExitStatus.Exited(0));
  }

  @Test
  void gate_programVanishesAfterThePreCheck_isAFailureNotAnExit127() throws Exception {
    Path program = script(dir.resolve("gone"), "#!/bin/sh\n");
    Spawner.Prepared prepared = spawner.prepare(Workload.of(program.toString()));
    Files.delete(program);
    StartFailure failure =
        catchThrowableOfType(SpawnException.class, () -> Way.GATE.spawn(prepared)).failure();
    assertThat(failure.errno()).contains("ENOENT");
    assertThat(children()).isEmpty();
  }

  @Test
  void pipe_asOutputOrInput_isRefusedForItsOwnReason() throws Exception {
    Path fifo = dir.resolve("fifo");
    assertThat(exit(Way.DIRECT, Workload.of("mkfifo", fifo.toString())))
        .isEqualTo(new ExitStatus.Exited(0));
    Workload ok = Workload.of("true");
    for (Workload each : List.of(ok.stdout(Stdio.append(fifo)), ok.stdin(fifo))) {
      StartFailure failure =
          catchThrowableOfType(SpawnException.class, () -> exit(Way.DIRECT, each)).failure();
      assertThat(failure.step()).isEqualTo(Step.STDIO);
      assertThat(failure.message()).contains(each.stdin().isEmpty() ? "its reader" : "writer");
    }
  }

  @Test
  void manySpawns_bothPaths_leakNothing() throws Exception {
    exit(Way.GATE, Workload.of("true"));
    int before = HeldDescriptors.count();
    for (int i = 0; i < 100; i++) {
      exit(Way.values()[i % 2], Workload.of("true"));
    }
    assertThat(HeldDescriptors.count()).isEqualTo(before);
    assertThat(children()).isEmpty();
  }

  private ExitStatus exit(Way way, Workload workload) throws SpawnException {
    Spawner.Spawned spawned = way.spawn(spawner.prepare(workload));
    try (var pidfd = spawned.pidfd().orElseThrow()) {
      return ExitReader.reap(pidfd);
    }
  }

  private String output(Way way, Workload workload) throws Exception {
    Path file = dir.resolve("output");
    ExitStatus exit = exit(way, workload.stdout(Stdio.truncate(file)));
    assertThat(exit).isEqualTo(new ExitStatus.Exited(0));
    return Files.readString(file);
  }

  private static Path script(Path path, String text) throws IOException {
    Files.writeString(path, text);
    path.toFile().setExecutable(true);
    return path;
  }

  private static List<Long> children() {
    return ProcessHandle.current().children().map(ProcessHandle::pid).collect(Collectors.toList());
  }
}
