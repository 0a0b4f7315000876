package io.ffrtmp.governance;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.util.List;
import org.junit.jupiter.api.Test;

class ExceptionTest {

  @Test
  void exception_serialised_losesItsReportOnly() throws Exception {
    HostReport report = HostReport.of(List.of(), List.of());
    HostUnsupportedException thrown = new HostUnsupportedException("not Linux", report);
    assertThat(thrown.report()).isSameAs(report);

    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(thrown);
    }
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      assertThat(in.readObject())
          .isInstanceOf(HostUnsupportedException.class)
          .hasFieldOrPropertyWithValue("message", "not Linux")
          .hasFieldOrPropertyWithValue("report", null);
    }
  }
}
