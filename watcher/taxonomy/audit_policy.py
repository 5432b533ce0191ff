"""The advanced audit policy of Windows: which subcategory logs an event of the Security log.

Source: Microsoft's documentation of the advanced audit policy.
"""

from __future__ import annotations

_SACL = "The object needs an audit entry (SACL) too."

# category, subcategory, outcome, codes, further requirements
AUDIT_POLICY: tuple[tuple[str, str, str, str, str], ...] = (
    ("Account Logon", "Credential Validation", "success, failure", "4774 4775 4776 4777", ""),
    ("Account Logon", "Kerberos Authentication Service", "success, failure", "4768 4771 4772", "Domain controllers."),
    (
        "Account Logon",
        "Kerberos Service Ticket Operations",
        "success, failure",
        "4769 4770 4773",
        "Domain controllers.",
    ),
    (
        "Account Management",
        "Application Group Management",
        "success",
        "4783 4784 4785 4786 4787 4788 4789 4790 4791 4792",
        "",
    ),
    ("Account Management", "Computer Account Management", "success", "4741 4742 4743", "Domain controllers."),
    (
        "Account Management",
        "Distribution Group Management",
        "success",
        "4744 4745 4746 4747 4748 4749 4750 4751 4752 4753 4759 4760 4761 4762 4763",
        "Domain controllers.",
    ),
    ("Account Management", "Other Account Management Events", "success", "4782 4793", ""),
    (
        "Account Management",
        "Security Group Management",
        "success",
        "4727 4728 4729 4730 4731 4732 4733 4734 4735 4737 4754 4755 4756 4757 4758 4764 4799",
        "",
    ),
    (
        "Account Management",
        "User Account Management",
        "success, failure",
        "4720 4722 4723 4724 4725 4726 4738 4740 4765 4766 4767 4780 4781 4794 4798 5376 5377",
        "",
    ),
    ("Detailed Tracking", "DPAPI Activity", "success, failure", "4692 4693 4694 4695", ""),
    ("Detailed Tracking", "Plug and Play Events", "success", "6416 6419 6420 6421 6422 6423 6424", ""),
    (
        "Detailed Tracking",
        "Process Creation",
        "success",
        "4688 4696",
        "For command lines turn on `Include command line in process creation events` too.",
    ),
    ("Detailed Tracking", "Process Termination", "success", "4689", ""),
    ("Detailed Tracking", "RPC Events", "success", "5712", ""),
    ("Detailed Tracking", "Token Right Adjusted", "success", "4703", ""),
    (
        "DS Access",
        "Detailed Directory Service Replication",
        "success, failure",
        "4928 4929 4930 4931 4934 4935 4936 4937",
        "Domain controllers.",
    ),
    ("DS Access", "Directory Service Access", "success, failure", "4661 4662", f"Domain controllers. {_SACL}"),
    ("DS Access", "Directory Service Changes", "success", "5136 5137 5138 5139 5141", f"Domain controllers. {_SACL}"),
    ("DS Access", "Directory Service Replication", "success, failure", "4932 4933", "Domain controllers."),
    ("Logon/Logoff", "User / Device Claims", "success", "4626", ""),
    ("Logon/Logoff", "Group Membership", "success", "4627", ""),
    ("Logon/Logoff", "IPsec Main Mode", "success, failure", "4646 4650 4651 4652 4653 4655 4976 5049 5453", ""),
    ("Logon/Logoff", "Logoff", "success", "4634 4647", ""),
    ("Logon/Logoff", "Logon", "success, failure", "4624 4625 4648 4675", ""),
    (
        "Logon/Logoff",
        "Network Policy Server",
        "success, failure",
        "6272 6273 6274 6275 6276 6277 6278 6279 6280",
        "Servers with the NPS role.",
    ),
    (
        "Logon/Logoff",
        "Other Logon/Logoff Events",
        "success, failure",
        "4649 4778 4779 4800 4801 4802 4803 5378 5632 5633",
        "",
    ),
    ("Logon/Logoff", "Special Logon", "success", "4672 4964", ""),
    ("Object Access", "Application Generated", "success, failure", "4665 4666 4667 4668", ""),
    (
        "Object Access",
        "Certification Services",
        "success, failure",
        (
            "4868 4869 4870 4871 4872 4873 4874 4875 4876 4877 4878 4879 4880 4881 4882 4883 4884 4885 4886 4887 4888 "
            "4889 4890 4891 4892 4893 4894 4895 4896 4897 4898 4899 4900 5120"
        ),
        "Certification authorities, with auditing on in the authority's own properties.",
    ),
    ("Object Access", "Detailed File Share", "success, failure", "5145", "Many events on file servers."),
    ("Object Access", "File Share", "success, failure", "5140 5142 5143 5144 5168", ""),
    (
        "Object Access",
        "Filtering Platform Connection",
        "success, failure",
        "5031 5150 5151 5154 5155 5156 5157 5158 5159",
        "",
    ),
    ("Object Access", "Filtering Platform Packet Drop", "success, failure", "5152 5153", ""),
    ("Object Access", "Handle Manipulation", "success", "4658 4690", _SACL),
    ("Object Access", "File System, Registry, Kernel Object or SAM", "success, failure", "4656 4660 4663", _SACL),
    ("Object Access", "Registry", "success", "4657 5039", _SACL),
    ("Object Access", "File System", "success, failure", "4664 4985 5051", _SACL),
    (
        "Object Access",
        "Other Object Access Events",
        "success, failure",
        "4671 4691 4698 4699 4700 4701 4702 5148 5149 5888 5889 5890",
        "",
    ),
    ("Policy Change", "Audit Policy Change", "success", "4715 4719 4817 4902 4904 4905 4906 4907 4908 4912", ""),
    (
        "Policy Change",
        "Authentication Policy Change",
        "success",
        "4706 4707 4713 4716 4717 4718 4739 4864 4865 4866 4867",
        "",
    ),
    ("Policy Change", "Authorization Policy Change", "success", "4670 4704 4705 4911 4913", ""),
    (
        "Policy Change",
        "Filtering Platform Policy Change",
        "success, failure",
        "4709 4710 4711 4712 5040 5041 5042 5043 5044 5045 5046 5047 5048 5440 5441 5442 5443 5444 5446 5448 5449 5450",
        "",
    ),
    (
        "Policy Change",
        "MPSSVC Rule-Level Policy Change",
        "success, failure",
        "4944 4945 4946 4947 4948 4949 4950 4951 4952 4953 4954 4956 4957 4958",
        "",
    ),
    (
        "Policy Change",
        "Other Policy Change Events",
        "success, failure",
        "4714 4819 4826 4909 4910 5063 5064 5065 5066 5067 5068 5069 5070 5447 6144 6145",
        "",
    ),
    ("Privilege Use", "Sensitive Privilege Use", "success, failure", "4673 4674", "Many events."),
    ("System", "IPsec Driver", "success, failure", "4960 4961 4962 4963 4965 5478 5479 5480 5483 5484 5485", ""),
    (
        "System",
        "Other System Events",
        "success, failure",
        (
            "5024 5025 5027 5028 5029 5030 5032 5033 5034 5035 5037 5058 5059 6400 6401 6402 6403 6404 6405 6406 6407 "
            "6408 6409"
        ),
        "",
    ),
    ("System", "Security State Change", "success", "4608 4616 4621", ""),
    ("System", "Security System Extension", "success", "4610 4611 4614 4622 4697", ""),
    (
        "System",
        "System Integrity",
        "success, failure",
        "4612 4615 4618 4816 5038 5056 5057 5060 5061 5062 6281 6410",
        "",
    ),
)
